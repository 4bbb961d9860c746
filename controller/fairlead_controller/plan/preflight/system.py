"""Checks of the machine and its operating system."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead_controller.plan.preflight.case import GIB, MIB, Case, Fault, error, size, warning
from fairlead_wire.facts import version_tuple
from fairlead_wire.inspection import CGROUP_CONTROLLERS

CONTROL_PLANE_MEMORY, CONTROL_PLANE_CPUS = 1700 * MIB, 2
"""kubeadm's figures (ControlPlaneMem, ControlPlaneNumCPU)."""
WORKER_MEMORY = GIB
OLDEST_KERNEL = (5, 4)
"""The oldest long-term kernel that Kubernetes' own preflight knows (since 1.34)."""
MOST_CLOCK_SECONDS = 5.0
"""etcd warns from 1 s between members; certificates are backdated by an hour, so that no join fails before."""
INOTIFY_INSTANCES = 512
"""What kind's documentation tells people to set; many distributions have 128."""
DRIVERS = ("systemd", "cgroupfs")
_FEATURES = {
    "overlay": "Docker's images and containers",
    "vxlan": "the network between pods of different nodes (flannel)",
    "nf_tables": "Services (kube-proxy)",
}


def memory(case: Case) -> Iterator[Fault]:
    there = case.facts.memory_bytes
    if case.is_control_plane and there < CONTROL_PLANE_MEMORY:
        yield error(
            f"The server has {size(there)} of memory, and a control plane needs {size(CONTROL_PLANE_MEMORY)}.",
            "Give it more memory, or make it a worker.",
        )
    elif there < WORKER_MEMORY:
        yield warning(
            f"The server has {size(there)} of memory, which leaves little for pods.", "Give it 2 GiB or more."
        )


def processors(case: Case) -> Iterator[Fault]:
    if case.is_control_plane and case.facts.cpus < CONTROL_PLANE_CPUS:
        yield error(
            f"The server has {case.facts.cpus} processor, and a control plane needs {CONTROL_PLANE_CPUS}.",
            "Give it more processors, or make it a worker.",
        )


def cgroups(case: Case) -> Iterator[Fault]:
    missing = [name for name in CGROUP_CONTROLLERS if name not in case.seen.cgroup_controllers]
    if missing:
        yield error(
            f"The kernel has no cgroup controller for {', '.join(missing)}.",
            "Take cgroup_disable= off the kernel's command line (a Raspberry Pi needs `cgroup_enable=memory`).",
        )
    if case.facts.cgroup_version < 2:
        yield warning(
            "The server uses cgroup v1, which Kubernetes only tolerates and will drop.",
            "Add `systemd.unified_cgroup_hierarchy=1` to the kernel's command line and boot, before pods run here.",
        )
    yield from _cgroup_driver(case)


def _cgroup_driver(case: Case) -> Iterator[Fault]:
    driver = case.facts.cgroup_driver
    if driver not in DRIVERS:
        yield error(
            f"Docker's cgroup driver is {driver or 'not known'}, and the kubelet knows {' and '.join(DRIVERS)}.",
            'Set "exec-opts": ["native.cgroupdriver=systemd"] in /etc/docker/daemon.json and restart Docker.',
        )
    elif case.seen.systemd and driver == "cgroupfs":
        yield warning(
            "systemd and Docker both manage cgroups (Docker's driver is cgroupfs), which gets unstable when memory "
            "runs short.",
            'Set "exec-opts": ["native.cgroupdriver=systemd"] in /etc/docker/daemon.json and restart Docker.',
        )


def kernel(case: Case) -> Iterator[Fault]:
    version = version_tuple(case.facts.kernel)
    if version and version[:2] < OLDEST_KERNEL:
        oldest = ".".join(map(str, OLDEST_KERNEL))
        yield warning(
            f"The kernel is {case.facts.kernel}, and Kubernetes is tested with {oldest} and newer.",
            "Upgrade the operating system.",
        )
    for feature in case.seen.missing_features:
        purpose = _FEATURES.get(feature, "Kubernetes")
        yield error(
            f"The kernel can't do {feature}, which {purpose} needs.",
            f"Run `modprobe {feature}`; if there is no such module, install the distribution's ordinary kernel.",
        )


def swap(case: Case) -> Iterator[Fault]:
    if case.seen.swap_bytes:
        yield warning(
            f"{size(case.seen.swap_bytes)} of swap is on, and pods that swap are slow while they count as healthy.",
            "Run `swapoff -a` and take swap out of /etc/fstab, unless you want it for what else runs here.",
        )


def inotify(case: Case) -> Iterator[Fault]:
    allowed = case.seen.inotify_instances
    if 0 < allowed < INOTIFY_INSTANCES:
        yield warning(
            f"The kernel allows root {allowed} inotify instances, which pods and `kubectl logs -f` use up "
            '("too many open files").',
            f"Write `fs.inotify.max_user_instances = {INOTIFY_INSTANCES}` into /etc/sysctl.d/99-kubernetes.conf, "
            "and run `sysctl --system`.",
        )


def clock(case: Case) -> Iterator[Fault]:
    offset = case.inspected.clock_offset
    if abs(offset) - case.inspected.round_trip / 2 <= MOST_CLOCK_SECONDS:
        return
    way = "ahead of" if offset > 0 else "behind"
    reason = f"The clock is {abs(offset):.1f} s {way} the controller's."
    cure = "Set it by NTP, for example with `apt-get install chrony`, and see that the controller's own clock is right."
    yield error(reason, cure) if case.is_control_plane else warning(reason, cure)


def machine_id(case: Case) -> Iterator[Fault]:
    own = case.facts.machine_id
    again = "Run `rm /etc/machine-id && systemd-machine-id-setup`, boot, and start the agent again."
    if not own:
        yield error("The server has no /etc/machine-id.", again)
        return
    for other in case.others:
        if other.facts.machine_id == own:
            yield error(f"The server has the same /etc/machine-id as node {other.name}: one is a copy.", again)


def host_name(case: Case) -> Iterator[Fault]:
    own = case.facts.hostname
    for other in case.others:
        if other.facts.hostname == own:
            yield error(
                f"The server's host name is {own}, as that of node {other.name} is.",
                "Give one of them another with `hostnamectl set-hostname NAME` and start its agent again.",
            )
    if own != case.node.name:
        yield warning(
            f"The server's host name is {own} now, and Kubernetes will know it as {case.node.name}.",
            f"Set it back with `hostnamectl set-hostname {case.node.name}`, or leave it.",
        )

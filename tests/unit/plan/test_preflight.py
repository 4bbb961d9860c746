"""Each check, with the one thing that it is about: whether it finds it, and whether it says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fairlead_controller.model.cluster_spec import Network
from fairlead_controller.model.node import NodeRole
from fairlead_controller.model.preflight import Severity
from fairlead_controller.plan.components.registry import KINDS
from fairlead_controller.plan.preflight import network, table
from fairlead_controller.plan.preflight.table import CHECKS, NAMES, examine, unskipped
from fairlead_testing.preflight import DISKS, GIB, case, other
from fairlead_wire.inspection import Disk, Listener, Route, SyncLatency

ERROR, WARNING = Severity.ERROR, Severity.WARNING
MIB = 2**20


def disks(path: str, free_bytes: int, total_bytes: int = 100 * GIB, free_inodes: int = 9_000_000) -> dict[str, Any]:
    changed = Disk(path, total_bytes, free_bytes, 10_000_000, free_inodes)
    return {"disks": tuple(changed if each.path == path else each for each in DISKS)}


def holder(port: int, address: str = "0.0.0.0", protocol: str = "tcp", process: str = "nginx (process 7)") -> Listener:
    return Listener(protocol, address, port, process)


Wrong = tuple[str, Severity, dict[str, Any], str, str]
# Check, severity, what is different, words of the reason, words of the cure.
FAULTS: list[Wrong] = [
    ("docker", ERROR, {"answers": False}, "Docker does not answer", "systemctl start docker"),
    ("docker", ERROR, {"docker_api": "1.41", "docker_version": "20.10.24"}, "20.10.24 has API 1.41", "Engine 23"),
    ("docker", ERROR, {"oldest_api": "1.52"}, "takes no API before 1.52", '"min-api-version": "1.46"'),
    ("image-store", WARNING, {"containerd_store": True}, "containerd's store", '"containerd-snapshotter": false'),
    ("image-store", WARNING, {"storage_driver": "vfs"}, "vfs", "overlay2"),
    ("logging-driver", ERROR, {"logging_driver": "journald"}, "is journald", '"log-driver": "json-file"'),
    ("user-namespaces", ERROR, {"userns_remap": True}, "userns-remap", "Take"),
    ("user-namespaces", ERROR, {"rootless": True}, "without root", "ordinary Docker"),
    ("live-restore", WARNING, {"live_restore": False}, "stops every pod", '"live-restore": true'),
    ("mount-propagation", ERROR, {"private_mounts": True}, "mount namespace", "MountFlags"),
    ("memory", ERROR, {"memory_bytes": 1600 * MIB}, "1.6 GiB of memory, and a control plane needs 1.7 GiB", "worker"),
    ("processors", ERROR, {"cpus": 1}, "1 processor", "worker"),
    ("cgroups", ERROR, {"cgroup_controllers": ("cpu", "cpuset", "pids")}, "for memory", "cgroup_disable"),
    ("cgroups", WARNING, {"cgroup_version": 1}, "cgroup v1", "unified_cgroup_hierarchy"),
    ("cgroups", ERROR, {"cgroup_driver": "none"}, "driver is none", "native.cgroupdriver=systemd"),
    ("cgroups", WARNING, {"cgroup_driver": "cgroupfs"}, "both manage cgroups", "native.cgroupdriver=systemd"),
    ("kernel", WARNING, {"kernel": "4.18.0-553.el8"}, "4.18.0-553.el8", "Upgrade"),
    ("kernel", ERROR, {"missing_features": ("vxlan",)}, "can't do vxlan, which the network between", "modprobe vxlan"),
    ("swap", WARNING, {"swap_bytes": 2 * GIB}, "2.0 GiB of swap", "swapoff"),
    ("inotify", WARNING, {"inotify_instances": 128}, "128 inotify instances", "fs.inotify.max_user_instances = 512"),
    ("clock", ERROR, {"clock_offset": 3000.0}, "3000.0 s ahead of the controller's", "NTP"),
    ("clock", ERROR, {"clock_offset": -5.2}, "5.2 s behind", "NTP"),
    ("machine-id", ERROR, {"machine_id": ""}, "no /etc/machine-id", "systemd-machine-id-setup"),
    ("machine-id", ERROR, {"others": (other("db", machine_id="0123456789abcdef"),)}, "as node db", "machine-id-setup"),
    ("host-name", ERROR, {"others": (other("db", hostname="web-1"),)}, "as that of node db", "set-hostname"),
    ("host-name", WARNING, {"hostname": "other"}, "is other now", "set-hostname web-1"),
    ("disk-space", ERROR, disks("/var/lib/docker", GIB), "1.0 GiB (1 %) is free at /var/lib/docker", "Make room"),
    ("disk-space", ERROR, disks("/var/lib/docker", 14 * GIB), "evicts pods below 15 %", "Make room"),
    ("disk-space", WARNING, disks("/var/lib/docker", 9 * GIB, 30 * GIB), "10.0 GiB would be ample", "Make room"),
    ("disk-space", ERROR, disks("/var/lib/kubelet", 9 * GIB), "evicts pods below 10 %", "Make room"),
    ("disk-space", ERROR, disks("/var/lib/etcd", 500 * MIB), "500 MiB (0 %)", "/var/lib/etcd"),
    ("disk-space", ERROR, disks("/var/lib/kubelet", 60 * GIB, free_inodes=400_000), "400000 more files", "inodes"),
    ("etcd-disk", WARNING, {"etcd_sync": SyncLatency(50, 4_000, 31_000)}, "31.0 ms at worst", "SSD"),
    ("etcd-disk", ERROR, {"etcd_sync": SyncLatency(9, 220_000, 400_000)}, "220 ms", "SSD"),
    ("etcd-data", ERROR, {"etcd_data": True}, "earlier etcd in /var/lib/etcd/data", "mv /var/lib/etcd/data"),
    ("leftovers", ERROR, {"foreign_processes": ("k3s (process 9)",)}, "k3s (process 9)", "k3s-uninstall"),
    ("leftovers", ERROR, {"foreign_files": ("/etc/kubernetes/admin.conf",)}, "/etc/kubernetes/admin.conf", "away"),
    ("leftovers", ERROR, {"foreign_files": ("/etc/cni/net.d/05-calico.conflist",)}, "05-calico", "by name"),
    ("leftovers", WARNING, {"foreign_files": ("/etc/cni/net.d/87-podman.conflist",)}, "87-podman", "podman does"),
    ("ports", ERROR, {"listeners": (holder(6443),)}, "nginx (process 7) holds tcp port 6443", "Stop nginx"),
    ("address-ranges", ERROR, {"routes": (Route("10.244.3.0/24", "eth1"),)}, "overlaps 10.244.3.0/24", "network.pods"),
    ("address-ranges", ERROR, {"routes": (Route("10.97.0.1/32", "eth1"),)}, "network.services", "network.services"),
    ("address-ranges", WARNING, {"routes": (Route("10.192.0.0/10", "wg0"),)}, "a part of 10.192.0.0/10", "unless"),
    ("forwarding", ERROR, {"ip_forward": False}, "net.ipv4.ip_forward is 0", "/etc/sysctl.d"),
    ("forwarding", WARNING, {"dropping_chains": ("ip filter FORWARD",)}, "chain ip filter FORWARD", "before Docker"),
    ("inspection", WARNING, {"gaps": ("Docker: it took too long",)}, "Docker: it took too long", "docker logs"),
]


def test_a_sound_server_has_no_findings() -> None:
    assert examine(case()) == ()
    assert examine(case(NodeRole.WORKER)) == ()
    assert examine(case(others=(other("web-2"),))) == ()


@pytest.mark.parametrize(("check", "severity", "different", "reason", "cure"), FAULTS)
def test_each_fault_is_found_by_its_check_alone(
    check: str, severity: Severity, different: dict[str, Any], reason: str, cure: str
) -> None:
    [finding] = examine(case(**different))
    assert (finding.check, finding.severity, finding.node) == (check, severity, "web-1")
    assert reason in finding.reason
    assert cure in finding.cure
    assert finding.reason.endswith(".")
    assert finding.cure.endswith(".")


def test_no_check_is_without_a_fault_that_it_finds() -> None:
    assert {fault[0] for fault in FAULTS} == set(CHECKS)
    assert (table.REACHABLE, *CHECKS) == NAMES


WORKER_MAY = [
    {"cpus": 1},
    {"memory_bytes": 1100 * MIB},
    {"etcd_data": True},
    {"etcd_sync": SyncLatency(50, 400_000, 900_000)},
    {"listeners": (holder(6443), holder(2379), holder(2380))},
    disks("/var/lib/etcd", 0),
]


@pytest.mark.parametrize("different", WORKER_MAY)
def test_what_only_a_control_plane_needs(different: dict[str, Any]) -> None:
    assert examine(case(NodeRole.WORKER, **different)) == ()
    assert next(iter(examine(case(**different)))).is_error


def test_a_worker_with_a_wrong_clock_or_little_memory_is_warned_about() -> None:
    for different in ({"clock_offset": 9.0}, {"memory_bytes": 700 * MIB}):
        [finding] = examine(case(NodeRole.WORKER, **different))
        assert finding.severity is WARNING


@pytest.mark.parametrize(("offset", "round_trip", "found"), [(4.9, 0.1, 0), (6.0, 2.5, 0), (6.0, 1.0, 1), (-9.0, 2, 1)])
def test_a_slow_line_is_no_wrong_clock(offset: float, round_trip: float, found: int) -> None:
    assert len(examine(case(clock_offset=offset, round_trip=round_trip))) == found


PORTS: list[tuple[Listener, bool]] = [
    (holder(10250, "192.0.2.11"), True),
    (holder(10250, "::"), True),
    (holder(7443, "127.0.0.1"), True),
    (holder(7443, "192.0.2.11"), False),
    (holder(53, "127.0.0.53", "udp"), False),
    (holder(53, "192.0.2.11", "udp"), True),
    (holder(53, "0.0.0.0"), True),
    (holder(2379, "192.0.2.11"), True),
    (holder(2379, "198.51.100.1"), False),
    (holder(8472, protocol="udp"), True),
    (holder(8472), False),
    (holder(8080), False),
    (Listener("tcp", "0.0.0.0", 6443, "kube-apiserver (process 3)", ours=True), False),
]


@pytest.mark.parametrize(("listener", "found"), PORTS)
def test_only_what_a_component_would_collide_with(listener: Listener, found: bool) -> None:
    assert [finding.check for finding in examine(case(listeners=(listener,)))] == (["ports"] if found else [])


def test_a_port_is_told_once_and_every_port_is_told() -> None:
    listeners = (holder(53), holder(53, protocol="udp"), holder(6443), holder(10250))
    findings = examine(case(listeners=listeners))
    assert [finding.reason.split(" holds ")[1].split(" (")[0] for finding in findings] == [
        "tcp port 53",
        "udp port 53",
        "tcp port 10250",
        "tcp port 6443",
    ]


def test_every_component_that_listens_has_its_ports_here() -> None:
    wishes = {wish.component for wish in network.EVERYWHERE + network.CONTROL_PLANE}
    assert wishes == set(KINDS) - {"cri-dockerd"}


OURS: list[dict[str, Any]] = [
    {"routes": (Route("10.244.0.0/32", "flannel.1"), Route("10.244.0.7/32", "veth0a1b"))},
    {"listeners": (holder(8472, protocol="udp", process=""),)},
    {"etcd_data": True},
]


@pytest.mark.parametrize("different", OURS)
def test_what_is_ours_on_a_node_of_a_cluster_is_no_fault(different: dict[str, Any]) -> None:
    assert examine(case(claimed=True, **different)) == ()
    assert examine(case(**different)) != ()


def test_docker_s_own_networks_can_be_moved() -> None:
    moved = Network.model_validate({"pods": "172.17.0.0/16"})
    [finding] = examine(case(network=moved))
    assert "172.17.0.0/16 on the server's docker0" in finding.reason
    assert '"bip"' in finding.cure


def test_errors_come_first_and_can_be_skipped_by_name() -> None:
    findings = examine(case(live_restore=False, ip_forward=False, cpus=1))
    assert [finding.check for finding in findings] == ["processors", "forwarding", "live-restore"]
    assert [finding.check for finding in unskipped(findings, ["processors"])] == ["forwarding"]


def test_the_documentation_has_a_row_for_each_check() -> None:
    text = (Path(__file__).parents[3] / "docs/preflight.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == list(NAMES)

"""What the kernel, systemd and Docker are set to, as far as Kubernetes minds. Parsing is pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairlead_agent.host_paths import HostPaths
from fairlead_agent.mounts import holding, parse
from fairlead_agent.runtime.port import EngineInfo
from fairlead_wire.inspection import KUBELET_DIRECTORY, EngineDetails

PROC = Path("/proc")
DOCKER_PID = "/run/docker.pid"
SYSTEMD = "/run/systemd/system"
"""There while systemd is the first process (sd_booted(3))."""
CONTROLLERS = "/sys/fs/cgroup/cgroup.controllers"


@dataclass(frozen=True)
class Settings:
    """Small files of the kernel and of the host. `swap_bytes`: all that is on; `inotify_instances`: 0 if not known."""

    systemd: bool
    cgroup_controllers: tuple[str, ...]
    swap_bytes: int
    ip_forward: bool
    inotify_instances: int


def settings(paths: HostPaths, proc: Path = PROC) -> Settings:
    """Raises OSError."""
    return Settings(
        paths.followed(SYSTEMD).is_dir(),
        _controllers(paths, proc),
        swap_bytes((proc / "swaps").read_text()),
        (proc / "sys/net/ipv4/ip_forward").read_text().strip() == "1",
        inotify_instances(proc),
    )


def inotify_instances(proc: Path) -> int:
    """How many one user may have; 0 where the kernel has no inotify."""
    try:
        return int((proc / "sys/fs/inotify/max_user_instances").read_text())
    except FileNotFoundError:
        return 0


def swap_bytes(swaps: str) -> int:
    """Of /proc/swaps, whose sizes are in KiB."""
    rows = (line.split() for line in swaps.splitlines()[1:])
    return sum(int(row[-3]) * 1024 for row in rows if len(row) > 3)


def enabled_controllers(cgroups: str) -> tuple[str, ...]:
    """Of /proc/cgroups, which counts for version 1."""
    rows = (line.split() for line in cgroups.splitlines() if not line.startswith("#"))
    return tuple(row[0] for row in rows if len(row) > 3 and row[3] == "1")


def engine_details(info: EngineInfo, private_mounts: bool) -> EngineDetails:
    security = {option.split(",")[0] for option in info.security}
    return EngineDetails(
        oldest_api=info.oldest_api,
        storage_driver=info.storage_driver,
        containerd_store=info.containerd_store,
        logging_driver=info.logging_driver,
        userns_remap="name=userns" in security,
        rootless="name=rootless" in security,
        private_mounts=private_mounts,
    )


def has_private_mounts(paths: HostPaths, proc: Path = PROC) -> bool:
    """Whether Docker has a mount namespace of its own in which the kubelet's directory is not shared with containers.

    Within the host's own namespace that is no matter: there the agent makes it shared.
    """
    try:
        docker = proc / paths.followed(DOCKER_PID).read_text().strip()
        if (docker / "ns/mnt").readlink() == (proc / "1/ns/mnt").readlink():
            return False
        mount = holding(parse((docker / "mountinfo").read_text()), KUBELET_DIRECTORY)
    except OSError:  # no such file: this Docker was started in another way, and nothing is known
        return False
    return mount is None or not mount.shared


def _controllers(paths: HostPaths, proc: Path) -> tuple[str, ...]:
    unified = paths.followed(CONTROLLERS)
    if unified.exists():
        return tuple(unified.read_text().split())
    return enabled_controllers((proc / "cgroups").read_text())

"""What an agent knows about its host; field names equal those of `enrollment.proto`'s Facts."""

from __future__ import annotations

from dataclasses import dataclass

OF_DOCKER = ("docker_version", "docker_api", "docker_root", "cgroup_driver", "live_restore")
"""The facts that only a Docker that answers can tell; with it away they have their defaults, and no version."""


@dataclass(frozen=True)
class Facts:
    """Nothing here is a secret. Versions are dotted strings; memory is bytes."""

    hostname: str
    machine_id: str = ""
    os: str = ""
    kernel: str = ""
    architecture: str = "amd64"
    cpus: int = 0
    memory_bytes: int = 0
    docker_version: str = ""
    docker_api: str = ""
    docker_root: str = "/var/lib/docker"
    cgroup_driver: str = "cgroupfs"
    cgroup_version: int = 2
    live_restore: bool = False
    address: str = ""
    agent_version: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    conntrack_writable: bool = True
    nftables: bool = True


def version_tuple(version: str) -> tuple[int, ...]:
    """The leading numbers of a dotted version: "26.1.5+dfsg1" → (26, 1, 5), "1.45" → (1, 45), "" → ()."""
    numbers: list[int] = []
    for part in version.lstrip("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)

"""What an agent finds when it looks at its host; field names equal those of `inspection.proto`.

Each default is what a host without faults has, so that what could not be looked at finds no fault: `gaps` tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_wire.facts import Facts

ETCD_DIRECTORY = "/var/lib/etcd"
KUBELET_DIRECTORY = "/var/lib/kubelet"
CGROUP_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
"""What kubelet asks for in both versions of control groups (kubeadm's list; devices and freezer are built into v2)."""


@dataclass(frozen=True)
class EngineDetails:
    """The Docker Engine. Versions are dotted strings."""

    answers: bool = True
    oldest_api: str = ""
    storage_driver: str = "overlay2"
    containerd_store: bool = False
    logging_driver: str = "json-file"
    userns_remap: bool = False
    rootless: bool = False
    private_mounts: bool = False


@dataclass(frozen=True)
class Listener:
    """A socket of the host's network namespace. `process` is "" for the kernel's own and for what can't be seen."""

    protocol: str
    address: str
    port: int
    process: str = ""
    ours: bool = False


@dataclass(frozen=True)
class Route:
    """An IPv4 range in CIDR notation that the host reaches by itself; the default route is none."""

    destination: str
    device: str = ""


@dataclass(frozen=True)
class Disk:
    """The file system that `path` lies on or would lie on; bytes and numbers of files."""

    path: str
    total_bytes: int = 0
    free_bytes: int = 0
    total_inodes: int = 0
    free_inodes: int = 0


@dataclass(frozen=True)
class SyncLatency:
    """Microseconds. `samples` 0: it was not measured."""

    samples: int = 0
    median_us: int = 0
    p99_us: int = 0


@dataclass(frozen=True)
class Inspection:
    """See `inspection.proto` for each field."""

    facts: Facts
    engine: EngineDetails = EngineDetails()
    systemd: bool = False
    cgroup_controllers: tuple[str, ...] = CGROUP_CONTROLLERS
    missing_features: tuple[str, ...] = ()
    swap_bytes: int = 0
    ip_forward: bool = True
    dropping_chains: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    routes: tuple[Route, ...] = ()
    disks: tuple[Disk, ...] = ()
    etcd_sync: SyncLatency = SyncLatency()
    foreign_files: tuple[str, ...] = ()
    foreign_processes: tuple[str, ...] = ()
    etcd_data: bool = False
    gaps: tuple[str, ...] = ()
    inotify_instances: int = 0

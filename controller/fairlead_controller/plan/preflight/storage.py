"""Checks of disks, and of what an earlier Kubernetes left on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlead_controller.plan import paths
from fairlead_controller.plan.components.cri_dockerd import CNI_CONFIGURATION, CONFLIST
from fairlead_controller.plan.preflight.case import GIB, Case, Fault, error, size, warning
from fairlead_wire.inspection import ETCD_DIRECTORY, KUBELET_DIRECTORY, Disk

FSYNC_P99_MS = 10
"""etcd's guidance: the 99th percentile of a synced write is under 10 ms (etcd.io, hardware recommendations)."""
FSYNC_MEDIAN_MS = 100
"""etcd's heartbeat: a disk that usually takes longer makes followers call elections. The median, for one slow write of
fifty says more of what else the disk does at that moment."""
LEAST_INODES = 5
"""Per cent; the kubelet evicts pods below it (nodefs.inodesFree, imagefs.inodesFree)."""
_SHOWN = 5


@dataclass(frozen=True)
class Need:
    """What a directory's disk must have. `percent`: the kubelet evicts pods below it (its default thresholds)."""

    what: str
    least: int
    ample: int
    percent: int = 0


ETCD_NEED = Need("etcd's data", GIB, 8 * GIB)
"""8 GiB is the largest database that etcd's documentation suggests."""
KUBELET_NEED = Need("volumes and logs of pods", GIB, 5 * GIB, 10)
IMAGES_NEED = Need("images and containers", 2 * GIB, 10 * GIB, 15)
"""The components' images take about 1 GiB."""


def disk_space(case: Case) -> Iterator[Fault]:
    for disk in case.seen.disks:
        if disk.path == ETCD_DIRECTORY and not case.is_control_plane:
            continue
        needs = {ETCD_DIRECTORY: ETCD_NEED, KUBELET_DIRECTORY: KUBELET_NEED}
        yield from _space(disk, needs.get(disk.path, IMAGES_NEED))


def _space(disk: Disk, need: Need) -> Iterator[Fault]:
    if not disk.total_bytes:
        return
    percent = 100 * disk.free_bytes / disk.total_bytes
    free = f"{size(disk.free_bytes)} ({percent:.0f} %) is free at {disk.path}, for {need.what}"
    cure = f"Make room there, or mount a larger disk at {disk.path}."
    if disk.free_bytes < need.least:
        yield error(f"Only {free}; {size(need.least)} is the least.", cure)
    elif percent < need.percent:
        yield error(f"Only {free}, and the kubelet evicts pods below {need.percent} %.", cure)
    elif disk.free_bytes < need.ample:
        yield warning(f"Only {free}; {size(need.ample)} would be ample.", cure)
    if disk.total_inodes and 100 * disk.free_inodes < LEAST_INODES * disk.total_inodes:
        yield error(
            f"The file system at {disk.path} can have {disk.free_inodes} more files, and the kubelet evicts pods below "
            f"{LEAST_INODES} %.",
            "Remove small files there, or make the file system anew with more inodes.",
        )


def etcd_disk(case: Case) -> Iterator[Fault]:
    sync = case.seen.etcd_sync
    if not case.is_control_plane or not sync.samples:
        return
    median, p99 = sync.median_us / 1000, sync.p99_us / 1000
    cure = f"Put {ETCD_DIRECTORY} on a local SSD of its own; network disks and spinning ones are too slow."
    if median > FSYNC_MEDIAN_MS:
        yield error(
            f"The disk at {ETCD_DIRECTORY} takes {median:.0f} ms to make a small write safe, longer than etcd's "
            f"heartbeat of {FSYNC_MEDIAN_MS} ms.",
            cure,
        )
    elif p99 > FSYNC_P99_MS:
        yield warning(
            f"The disk at {ETCD_DIRECTORY} takes {p99:.1f} ms at worst (mostly {median:.1f} ms) to make a small write "
            f"safe; etcd wants {FSYNC_P99_MS} ms.",
            cure,
        )


def etcd_data(case: Case) -> Iterator[Fault]:
    if case.seen.etcd_data and case.is_control_plane and not case.claimed:
        yield error(
            f"There is data of an earlier etcd in {paths.ETCD_DATA}, which a new member would take for its own.",
            f"Move it away: `mv {paths.ETCD_DATA} {ETCD_DIRECTORY}/earlier`, or remove it if nobody needs it.",
        )


def leftovers(case: Case) -> Iterator[Fault]:
    for process in case.seen.foreign_processes:
        yield error(
            f"Another Kubernetes runs here: {process}.",
            "Stop it and take it away (`kubeadm reset`, `k3s-uninstall.sh`, or `rke remove`).",
        )
    later = [path for path in case.seen.foreign_files if _is_later_network(path)]
    files = [path for path in case.seen.foreign_files if path not in later]
    if files:
        yield error(
            f"Files of another Kubernetes are where ours go: {_listed(files)}.",
            "Move them away; the first network configuration by name in /etc/cni/net.d is the one that pods get.",
        )
    if later:
        yield warning(
            f"Networks of somebody else are configured in /etc/cni/net.d: {_listed(later)}; ours comes first by name.",
            "Leave them if something else on the server uses them (podman does), or move them away.",
        )


def _is_later_network(path: str) -> bool:
    return path.startswith(f"{CNI_CONFIGURATION}/") and path > CONFLIST


def _listed(files: Sequence[str]) -> str:
    return ", ".join(files[:_SHOWN]) + (f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else "")

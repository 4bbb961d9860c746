"""How much room a file system has, and how long its disk takes to make a small write safe. Leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from fairlead_agent.host_paths import HostPaths
from fairlead_wire.inspection import Disk, SyncLatency

SAMPLES = 50
BLOCK = b"\0" * 2048
"""About as much as etcd appends for one small change."""


def disk(paths: HostPaths, path: str) -> Disk:
    """The file system that the host's `path` lies on, or would lie on. Raises OSError."""
    found = os.statvfs(existing(paths, path))
    block = found.f_frsize
    return Disk(path, found.f_blocks * block, found.f_bavail * block, found.f_files, found.f_favail)


def taken(paths: HostPaths, path: str) -> float:
    """The share of that file system that can't be written any more, 0 to 1. Raises OSError."""
    found = disk(paths, path)
    return 1 - found.free_bytes / found.total_bytes if found.total_bytes else 0.0


def existing(paths: HostPaths, path: str) -> Path:
    """Where the host's `path` is, or the nearest directory above it that is there."""
    place, root = paths.followed(path), Path(paths.root or "/")
    while not place.is_dir() and place != root:
        place = place.parent
    return place


def sync_latency(folder: Path, seconds: float, samples: int = SAMPLES) -> SyncLatency:
    """Writes and syncs in a file without a name; ends after `samples`, or after the first one past `seconds`.

    Raises OSError.
    """
    taken: list[float] = []
    with _nameless(folder) as handle:
        end = time.monotonic() + seconds
        while len(taken) < samples and time.monotonic() < end:
            begin = time.perf_counter()
            os.write(handle, BLOCK)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - begin)
    return latency(taken)


def latency(taken: Iterable[float]) -> SyncLatency:
    """Of durations in seconds."""
    ordered = sorted(taken)
    if not ordered:
        return SyncLatency()
    return SyncLatency(len(ordered), _percentile(ordered, 50), _percentile(ordered, 99))


def _percentile(ordered: Sequence[float], percent: int) -> int:
    """By nearest rank, in microseconds."""
    rank = -(-len(ordered) * percent // 100)
    return round(ordered[rank - 1] * 1e6)


@contextmanager
def _nameless(folder: Path) -> Iterator[int]:
    """A file that is gone when it is closed, also when this process is killed."""
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:  # a file system without such files
        name = folder / f".fairlead-{token_hex(8)}"
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with suppress(OSError):
            name.unlink()
    try:
        yield handle
    finally:
        os.close(handle)

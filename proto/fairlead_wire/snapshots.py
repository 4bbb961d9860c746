"""Snapshots of etcd, as both sides name and describe them; field names equal those of `snapshots.proto`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

RELAY_TARGET = "snapshot/"
"""A relay to "snapshot/NAME" carries the bytes of that file."""
KEPT = 10
"""So many of the newest stay on a node."""

# A cluster's name as in its spec, then date and time in UTC. No dot and no slash: it is a file's name.
_NAME = re.compile(r"(?P<cluster>[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)-\d{8}-\d{6}")


@dataclass(frozen=True)
class Snapshot:
    """One that was verified. `hash`: etcd's own of the content; `sha256`: of the file; `size_bytes`: its size."""

    name: str
    sha256: str
    hash: int
    revision: int
    keys: int
    size_bytes: int
    created_ms: int
    etcd_version: str = ""


def snapshot_name(cluster: str, at: float) -> str:
    """The name of a snapshot that is made now; `at`: seconds since 1970."""
    return f"{cluster}-{datetime.fromtimestamp(at, UTC):%Y%m%d-%H%M%S}"


def cluster_of(name: str) -> str:
    """The cluster of a snapshot of that name, empty for what can't be a snapshot's name."""
    match = _NAME.fullmatch(name)
    return match["cluster"] if match else ""

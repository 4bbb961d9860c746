"""Task specs: one component on one node, immutable, identified by the hash of its canonical JSON.

Pure: standard library only, because the planner and the agent's state machine build on it.
Field names equal those of `fairlead/agent/v1/task.proto`; `fairlead_wire.codec` maps the two by name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import IntEnum, StrEnum
from functools import cache, cached_property
from typing import Any


class TaskKind(StrEnum):
    SERVICE = "service"
    JOB = "job"


class OnChange(StrEnum):
    """What a change of an input does to the container that reads it."""

    REPLACE = "replace"
    SIGNAL = "signal"
    NONE = "none"


class Propagation(StrEnum):
    PRIVATE = "private"
    SLAVE = "slave"
    SHARED = "shared"


class ProbeKind(StrEnum):
    UNSPECIFIED = "unspecified"
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"
    CRI = "cri"
    FILE = "file"
    NODE_READY = "node_ready"


class TaskState(IntEnum):
    """How far a subject has come. Ordered, with room between, so that states compare and extend."""

    UNSPECIFIED = 0
    PENDING = 10
    FETCHING = 20
    PREPARING = 30
    CREATED = 40
    STARTING = 50
    UNHEALTHY = 55
    HEALTHY = 60
    COMPLETED = 70
    FAILED = 80
    REMOVED = 90

    @property
    def word(self) -> str:
        """The state as people read it, for example "healthy"."""
        return self.name.lower()

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected without a change."""
        return self in (TaskState.HEALTHY, TaskState.COMPLETED, TaskState.REMOVED)


@dataclass(frozen=True)
class Variable:
    name: str
    value: str


@dataclass(frozen=True)
class Mount:
    """A bind mount; `source` must exist on the host (Docker is never left to make it)."""

    source: str
    target: str
    read_only: bool = False
    propagation: Propagation = Propagation.PRIVATE


@dataclass(frozen=True)
class Input:
    """A file or certificate that the component reads. `digest` only with REPLACE, `signal` only with SIGNAL."""

    path: str
    on_change: OnChange = OnChange.NONE
    digest: str = ""
    signal: str = ""


@dataclass(frozen=True)
class Probe:
    """How health is found out; `start_timeout_ms` bounds how long a new container may take to become healthy."""

    kind: ProbeKind = ProbeKind.UNSPECIFIED
    host: str = ""
    port: int = 0
    path: str = ""
    authority: str = ""
    certificate: str = ""
    start_timeout_ms: int = 60_000


@dataclass(frozen=True)
class Limits:
    """Bounds: bytes of memory (0: none), seconds from SIGTERM to SIGKILL, size and number of log files."""

    memory_bytes: int = 0
    stop_seconds: int = 10
    log_bytes: int = 10 * 1024 * 1024
    log_files: int = 3


@dataclass(frozen=True)
class Footprint:
    """What a component leaves on its host; removal takes exactly this away, data only when told to."""

    directories: tuple[str, ...] = ()
    data_directories: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    nft_tables: tuple[str, ...] = ()
    container_labels: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskSpec:
    """One component on one node. Never a raw Docker body: the agent maps it, within its own policy."""

    component: str
    image: str
    kind: TaskKind = TaskKind.SERVICE
    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    mounts: tuple[Mount, ...] = ()
    inputs: tuple[Input, ...] = ()
    privileged: bool = False
    host_pid: bool = False
    probe: Probe = field(default_factory=Probe)
    limits: Limits = field(default_factory=Limits)
    footprint: Footprint = field(default_factory=Footprint)
    directories: tuple[str, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits; worked out once."""
        return digest(canonical_json(spoken(self)).encode())

    @property
    def container_name(self) -> str:
        return container_name(self.component)


def container_name(component: str) -> str:
    """The name of a component's container on its node."""
    return f"fairlead-{component}"


def spoken(value: Any) -> Any:
    """A value as plain data, without fields that have their default.

    So a field that a later release adds changes no hash, and no container in the field, until it is used.
    """
    kind: type = type(value)
    if kind is tuple:
        # Most of all values are texts: each call less counts, since hashing is most of planning.
        return [item if type(item) is str else spoken(item) for item in value]
    defaults = _defaults(kind)
    if defaults is None:
        return value
    held = vars(value)
    plain: dict[str, Any] = {}
    for name, default in defaults:
        item = held[name]
        if item != default:
            plain[name] = item if type(item) is str else spoken(item)
    return plain


@cache
def _defaults(kind: type) -> tuple[tuple[str, Any], ...] | None:
    """The fields of a dataclass with their defaults; None for any other type."""
    return tuple((item.name, _default_of(item)) for item in fields(kind)) if is_dataclass(kind) else None


def _default_of(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal bytes (in the spirit of RFC 8785)."""
    return _CANONICAL.encode(value)


def digest(content: bytes) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()

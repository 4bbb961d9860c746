"""Assignments: all that one node must hold at a revision, and the differences between two of them.

Pure: standard library and `task` only. What an assignment lacks is never removed; removals are entries of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Protocol, TypeVar

from fairlead_wire.task import Footprint, TaskSpec, TaskState, canonical_json, digest, spoken


class RemovalKind(StrEnum):
    TASK = "task"
    OBJECT = "object"
    HOST = "host"


class Subject(IntEnum):
    """What an observation is about."""

    UNSPECIFIED = 0
    TASK = 1
    OBJECT = 2
    REMOVAL = 3
    ORPHAN = 4
    FILE = 5


@dataclass(frozen=True)
class FileSpec:
    """A file to be kept on the host. `mode` are permission bits; a secret is 0600 and is never shown."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    digest: str = ""
    secret: bool = False

    @staticmethod
    def of(path: str, content: str | bytes, mode: int = 0o644, secret: bool = False) -> FileSpec:
        raw = content.encode() if isinstance(content, str) else content
        return FileSpec(path, raw, 0o600 if secret else mode, digest(raw), secret)

    @property
    def key(self) -> str:
        return f"file/{self.path}"


@dataclass(frozen=True)
class CertificateSpec:
    """A certificate that the agent makes a key for (at `key_path`) and the controller signs exactly so.

    `issuer` is the authority's key identifier, hexadecimal: authorities of the same name are in every cluster, and
    what one that is no more has signed looks the same otherwise. Empty: any will do.
    """

    path: str
    authority: str
    common_name: str
    organization: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = False
    days: int = 365
    issuer: str = ""

    @property
    def key_path(self) -> str:
        return self.path.removesuffix(".crt") + ".key"

    @property
    def key(self) -> str:
        return f"certificate/{self.path}"

    @cached_property
    def digest(self) -> str:
        """Of all that it says: whoever tells of a certificate tells which of two plans it is good for."""
        return digest(canonical_json(spoken(self)).encode())


@dataclass(frozen=True)
class ObjectSpec:
    """A Kubernetes object kept by server-side apply; `path` is its URL path, `manifest` canonical JSON."""

    name: str
    path: str
    manifest: str
    digest: str = ""

    @staticmethod
    def of(name: str, path: str, manifest: str) -> ObjectSpec:
        return ObjectSpec(name, path, manifest, digest(manifest.encode()))

    @property
    def key(self) -> str:
        return f"object/{self.name}"


@dataclass(frozen=True)
class Removal:
    """An explicit removal, with the hash of what is to go and the reason why."""

    kind: RemovalKind
    name: str
    hash: str = ""
    reason: str = ""
    destroy_data: bool = False
    footprint: Footprint = field(default_factory=Footprint)
    path: str = ""

    @property
    def key(self) -> str:
        return f"removal/{self.kind}/{self.name}"


@dataclass(frozen=True)
class Assignment:
    """All that one node must hold. Revision 0 is "nothing yet": an agent that has it touches nothing."""

    cluster: str = ""
    node: str = ""
    revision: int = 0
    tasks: tuple[TaskSpec, ...] = ()
    files: tuple[FileSpec, ...] = ()
    certificates: tuple[CertificateSpec, ...] = ()
    objects: tuple[ObjectSpec, ...] = ()
    removals: tuple[Removal, ...] = ()

    def task(self, component: str) -> TaskSpec | None:
        return next((task for task in self.tasks if task.component == component), None)

    def same_content(self, other: Assignment) -> bool:
        return replace(self, revision=0) == replace(other, revision=0)


@dataclass(frozen=True)
class Increment:
    """Changes revision `applies_to` into `results_in`. `dropped` holds keys that are forgotten, not removed."""

    applies_to: int
    results_in: int
    cluster: str
    node: str
    tasks: tuple[TaskSpec, ...] = ()
    files: tuple[FileSpec, ...] = ()
    certificates: tuple[CertificateSpec, ...] = ()
    objects: tuple[ObjectSpec, ...] = ()
    removals: tuple[Removal, ...] = ()
    dropped: tuple[str, ...] = ()


class GapError(ValueError):
    """An increment does not start at the revision that is held: the whole assignment has to be sent."""


@dataclass(frozen=True)
class Observation:
    """What an agent last saw of one subject. `observed_ms` is milliseconds since 1970 by the agent's clock."""

    subject: Subject
    name: str
    hash: str = ""
    state: TaskState = TaskState.PENDING
    message: str = ""
    restarts: int = 0
    sequence: int = 0
    observed_ms: int = 0

    @property
    def identity(self) -> tuple[Subject, str]:
        return (self.subject, self.name)

    def same_news(self, other: Observation | None) -> bool:
        """Whether reporting this after `other` would tell nothing new."""
        return other is not None and replace(self, sequence=0, observed_ms=0) == replace(
            other, sequence=0, observed_ms=0
        )


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Entry = TypeVar("Entry", bound=_Keyed)


def task_key(task: TaskSpec) -> str:
    return f"task/{task.component}"


def difference(old: Assignment, new: Assignment) -> Increment:
    """The increment that turns `old` into `new`."""
    kept = dict(_entries(new))
    dropped = tuple(key for key, _ in _entries(old) if key not in kept)
    return Increment(
        old.revision,
        new.revision,
        new.cluster,
        new.node,
        tuple(task for task in new.tasks if task not in old.tasks),
        tuple(_changed(old.files, new.files)),
        tuple(_changed(old.certificates, new.certificates)),
        tuple(_changed(old.objects, new.objects)),
        tuple(_changed(old.removals, new.removals)),
        dropped,
    )


def apply_increment(held: Assignment, increment: Increment) -> Assignment:
    """The assignment after an increment. Raises GapError when it starts elsewhere."""
    if increment.applies_to != held.revision:
        raise GapError(f"increment applies to revision {increment.applies_to}, held is {held.revision}")
    gone = set(increment.dropped)
    tasks = {task_key(task): task for task in held.tasks if task_key(task) not in gone}
    tasks |= {task_key(task): task for task in increment.tasks}
    return Assignment(
        increment.cluster,
        increment.node,
        increment.results_in,
        tuple(sorted(tasks.values(), key=lambda task: task.component)),
        _merged(held.files, increment.files, gone),
        _merged(held.certificates, increment.certificates, gone),
        _merged(held.objects, increment.objects, gone),
        _merged(held.removals, increment.removals, gone),
    )


def normalised(assignment: Assignment) -> Assignment:
    """The assignment with its entries in canonical order, so that equal contents compare equal."""
    return replace(
        assignment,
        tasks=tuple(sorted(assignment.tasks, key=lambda task: task.component)),
        files=_by_key(assignment.files),
        certificates=_by_key(assignment.certificates),
        objects=_by_key(assignment.objects),
        removals=_by_key(assignment.removals),
    )


def _entries(assignment: Assignment) -> Iterator[tuple[str, object]]:
    yield from ((task_key(task), task) for task in assignment.tasks)
    for group in (assignment.files, assignment.certificates, assignment.objects, assignment.removals):
        yield from ((entry.key, entry) for entry in group)


def _changed(old: tuple[Entry, ...], new: tuple[Entry, ...]) -> Iterator[Entry]:
    before: Mapping[str, Entry] = {entry.key: entry for entry in old}
    return (entry for entry in new if before.get(entry.key) != entry)


def _merged(held: tuple[Entry, ...], put: tuple[Entry, ...], gone: set[str]) -> tuple[Entry, ...]:
    entries = {entry.key: entry for entry in held if entry.key not in gone}
    entries |= {entry.key: entry for entry in put}
    return _by_key(entries.values())


def _by_key(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.key))

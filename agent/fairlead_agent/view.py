"""What the machine looks at: one frozen picture of what is wanted, what was seen, and what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from fairlead_agent.instructions import Instruction
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, Removal, RemovalKind
from fairlead_wire.task import TaskSpec, container_name

PREVIOUS = "-previous"


@dataclass(frozen=True)
class Moment:
    """Now, by two clocks: `steady` seconds never jump and time everything; `wall` is seconds since 1970."""

    steady: float
    wall: float

    def tick(self, period: float) -> float:
        """The next multiple of `period` on the steady clock.

        What is asked regularly is asked together: the agent turns once for all of it, and sleeps in between.
        """
        return (self.steady // period + 1) * period


@dataclass(frozen=True)
class Fallback:
    """What a replaced container ran with: its task, and the files that its replacement writes anew."""

    task: TaskSpec
    hash: str
    files: tuple[FileSpec, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A replacement that was undone. Not tried again while the assignment stays at `revision`."""

    hash: str
    revision: int
    message: str


@dataclass(frozen=True)
class Memory:
    """What has to survive a restart of the agent; the journal holds it.

    `finished`: component → hash of a job that has ended well. `signalled`: container id → fingerprint of the files
    that its process was told of.
    """

    assignment: Assignment = field(default_factory=Assignment)
    generation: int = 0
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)
    failed: Mapping[str, Failure] = field(default_factory=dict)
    finished: Mapping[str, str] = field(default_factory=dict)
    signalled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileState:
    """A file as it is on the host ("" : there is none), known at the steady second `at`."""

    digest: str
    mode: int
    at: float


@dataclass(frozen=True)
class CertificateState:
    """A certificate as it is on the host. `good`: it and its key are there and say what the spec wants.

    `not_before`, `not_after`: seconds since 1970.
    """

    good: bool
    present: bool = False
    not_before: float = 0.0
    not_after: float = 0.0
    digest: str = ""
    at: float = 0.0
    spec: CertificateSpec | None = None


@dataclass(frozen=True)
class Inspection:
    """What was found on the host, by path."""

    files: Mapping[str, FileState] = field(default_factory=dict)
    certificates: Mapping[str, CertificateState] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectState:
    """The last try to apply an object of this digest. `due`: steady second of the next one."""

    digest: str
    applied: bool
    retry: bool
    message: str
    due: float
    failures: int = 0


@dataclass(frozen=True)
class RemovalState:
    """A removal that is done; `message` says what stays."""

    removal: Removal
    message: str = ""


@dataclass(frozen=True)
class Health:
    """What is known of one container's health. Times are steady seconds.

    `since`: its newest start; `first_seen`: when it was made, adopted or started by us, from which its start timeout
    runs; `confirmed`: it was healthy once; `asked`: a probe has answered; `adopted`: it ran before this agent did.
    """

    since: float
    first_seen: float
    due: float
    healthy: bool = False
    confirmed: bool = False
    asked: bool = False
    adopted: bool = False
    misses: int = 0
    message: str = ""


@dataclass(frozen=True)
class LastWords:
    """The last log lines of a container at its nth restart, read at the steady second `at`."""

    restarts: int
    text: str
    at: float


@dataclass(frozen=True)
class Attempt:
    """Failures in a row, and the steady second before which it is not tried again."""

    failures: int
    not_before: float
    message: str = ""


@dataclass(frozen=True)
class View:
    """See the module. `refusals`: key of a task or file → why the node's policy forbids it.

    `online`: a controller that may be obeyed has a session with us. `engine`: Docker answers. `listed`: the
    containers were listed at least once. `attempts`: by lane, and `start/COMPONENT`.
    `settled`: how many instructions have ended; `touched`: component → that number when the last one about its
    containers had; `unsure`: components where that one failed, perhaps half-way, and no listing has begun since.
    `assigned_at`: steady second of the newest assignment, if it came after this agent's start.
    """

    memory: Memory = field(default_factory=Memory)
    hashes: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    online: bool = False
    engine: bool = False
    listed: bool = False
    containers: Mapping[str, Container] = field(default_factory=dict)
    images: frozenset[str] = frozenset()
    files: Mapping[str, FileState] = field(default_factory=dict)
    certificates: Mapping[str, CertificateState] = field(default_factory=dict)
    objects: Mapping[str, ObjectState] = field(default_factory=dict)
    removals: Mapping[str, RemovalState] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    last_words: Mapping[str, LastWords] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    in_flight: Mapping[str, Instruction] = field(default_factory=dict)
    settled: int = 0
    touched: Mapping[str, int] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    assigned_at: float = -inf
    listing_due: float = 0.0
    inspection_due: float = 0.0

    @property
    def assignment(self) -> Assignment:
        return self.memory.assignment

    @property
    def leaving(self) -> bool:
        """The host is to be as it was: no file of ours is kept any more."""
        return any(removal.kind is RemovalKind.HOST for removal in self.assignment.removals)

    def hash_of(self, task: TaskSpec) -> str:
        return self.hashes[task.component]

    def current(self, component: str) -> Container | None:
        return self.containers.get(container_name(component))

    def previous(self, component: str) -> Container | None:
        return self.containers.get(container_name(component) + PREVIOUS)

    def failure(self, task: TaskSpec) -> Failure | None:
        """Why the replacement by this very task was undone, if it was."""
        failure = self.memory.failed.get(task.component)
        if failure is None or failure.hash != self.hash_of(task) or failure.revision != self.assignment.revision:
            return None
        return failure

    def free(self, lane: str, now: Moment) -> bool:
        """Whether an instruction of this lane may be issued: none is under way and no back-off runs."""
        return lane not in self.in_flight and self.ripe(lane, now)

    def ripe(self, key: str, now: Moment) -> bool:
        attempt = self.attempts.get(key)
        return attempt is None or attempt.not_before <= now.steady

    def failures(self, key: str) -> int:
        attempt = self.attempts.get(key)
        return attempt.failures if attempt is not None else 0


def up(container: Container) -> bool:
    """Whether it runs, or Docker itself is about to start it."""
    return container.status in (ContainerStatus.RUNNING, ContainerStatus.RESTARTING, ContainerStatus.PAUSED)

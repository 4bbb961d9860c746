"""What agents last saw of what they hold. An observation with another hash is of something else, and counts for
nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_controller.model.snapshot import Observed
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, ObjectSpec, Observation, Removal, Subject
from fairlead_wire.task import TaskSpec, TaskState


@dataclass(frozen=True)
class Seen:
    """`at`: milliseconds since 1970 by the agent's clock, 0 for never."""

    state: TaskState
    message: str = ""
    at: int = 0

    @property
    def well(self) -> bool:
        return self.state.settled

    @property
    def failed(self) -> bool:
        return self.state is TaskState.FAILED

    @property
    def sentence(self) -> str:
        return f"{self.state.word}: {self.message}" if self.message else self.state.word


NOT_SEEN = Seen(TaskState.PENDING)


def task_seen(observed: Observed, task: TaskSpec) -> Seen:
    return _matching(observed.get((Subject.TASK, task.component)), task.hash)


def object_seen(observed: Observed, spec: ObjectSpec) -> Seen:
    return _matching(observed.get((Subject.OBJECT, spec.name)), spec.digest)


def removal_seen(observed: Observed, removal: Removal) -> Seen:
    return _matching(observed.get((Subject.REMOVAL, removal.name)), removal.hash)


def is_removed(observed: Observed, removal: Removal) -> bool:
    return removal_seen(observed, removal).state is TaskState.REMOVED


def failed_files(observed: Observed, held: Assignment) -> tuple[tuple[str, str], ...]:
    """Paths of files and certificates that can't be kept on the host, each with the reason."""
    kept: tuple[FileSpec | CertificateSpec, ...] = (*held.files, *held.certificates)
    found = ((each.path, observed.get((Subject.FILE, each.path)), each.digest) for each in kept)
    return tuple(
        (path, seen.message)
        for path, seen, digest in found
        if seen is not None and seen.state is TaskState.FAILED and seen.hash == digest
    )


def _matching(observation: Observation | None, wanted: str) -> Seen:
    if observation is None or observation.hash != wanted:
        return NOT_SEEN
    return Seen(observation.state, observation.message, observation.observed_ms)

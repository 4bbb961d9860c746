"""What is known of the host and of the cluster's objects, after something was found or done. Pure."""

from __future__ import annotations

from dataclasses import replace

from fairlead_agent.instructions import (
    ApplyObject,
    Inspect,
    IssueCertificates,
    RemoveObject,
    RemoveTask,
    UndoHost,
    WriteFile,
)
from fairlead_agent.outcomes import ApplyResult
from fairlead_agent.view import (
    Attempt,
    CertificateState,
    FileState,
    Inspection,
    Moment,
    ObjectState,
    RemovalState,
    View,
)
from fairlead_wire.assignment import Removal

# Objects are applied again this often, which undoes what others changed in the fields that are ours.
KEEP_SECONDS = 60.0
_RETRY_SECONDS: tuple[float, ...] = (0.3, 0.5, 1.0, 2.0, 5.0, 10.0)


def inspected(view: View, instruction: Inspect, value: Inspection, now: Moment) -> View:
    """What was found, unless it was written after the inspection had begun."""
    files = {path: state for path, state in value.files.items() if not _newer(view, path, instruction.issued)}
    certificates = {
        path: state
        for path, state in value.certificates.items()
        if not _newer_certificate(view, path, instruction.issued)
    }
    return replace(view, files={**view.files, **files}, certificates={**view.certificates, **certificates})


def written(view: View, instruction: WriteFile, value: object, now: Moment) -> View:
    file = instruction.file
    state = FileState(file.digest, file.mode, now.steady)
    return replace(view, files={**view.files, file.path: state})


def certified(view: View, instruction: IssueCertificates, value: Inspection, now: Moment) -> View:
    states = {path: replace(state, at=now.steady) for path, state in value.certificates.items()}
    return replace(view, certificates={**view.certificates, **states})


def applied(view: View, instruction: ApplyObject, value: ApplyResult, now: Moment) -> View:
    spec, before = instruction.spec, view.objects.get(instruction.spec.name)
    failures = 0 if value.applied else (before.failures if before else 0) + 1
    retry = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1]
    due = now.steady + retry if value.retry and not value.applied else now.tick(KEEP_SECONDS)
    state = ObjectState(spec.digest, value.applied, value.retry, value.message, due, failures)
    return replace(view, objects={**view.objects, spec.name: state})


def task_removed(view: View, instruction: RemoveTask, value: tuple[str, ...], now: Moment) -> View:
    gone = set(instruction.container_ids)
    left = {name: item for name, item in view.containers.items() if item.id not in gone}
    finished = {name: hash_ for name, hash_ in view.memory.finished.items() if name != instruction.component}
    view = replace(view, containers=left)
    if finished != view.memory.finished:
        view = replace(view, memory=replace(view.memory, finished=finished))
    return _done(view, instruction.removal, " ".join(value))


def removed(view: View, instruction: RemoveObject | UndoHost, value: object, now: Moment) -> View:
    removal = instruction.removal
    if isinstance(instruction, UndoHost):
        view = _bare(view, now)
    if not isinstance(value, ApplyResult):
        return _done(view, removal, " ".join(value) if isinstance(value, tuple) else "")
    if value.applied:
        return _done(view, removal, value.message)
    failures = view.failures(removal.key) + 1
    pause = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1]
    attempt = Attempt(failures, now.steady + pause, value.message)
    return replace(view, attempts={**view.attempts, removal.key: attempt})


def _bare(view: View, now: Moment) -> View:
    """Nothing of ours is on the host any more, whatever an inspection that had begun before may still tell."""
    return replace(
        view,
        files={path: FileState("", 0, now.steady) for path in view.files},
        certificates={
            path: CertificateState(False, at=now.steady, spec=it.spec) for path, it in view.certificates.items()
        },
        objects={},
    )


def _done(view: View, removal: Removal, message: str) -> View:
    return replace(view, removals={**view.removals, removal.key: RemovalState(removal, message)})


def _newer(view: View, path: str, issued: float) -> bool:
    state: FileState | None = view.files.get(path)
    return f"file/{path}" in view.in_flight or (state is not None and state.at > issued)


def _newer_certificate(view: View, path: str, issued: float) -> bool:
    state: CertificateState | None = view.certificates.get(path)
    under_way = f"certificates/{path.rpartition('/')[0]}" in view.in_flight
    return under_way or (state is not None and state.at > issued)

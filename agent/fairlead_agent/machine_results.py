"""Folds the outcome of an instruction into the view: a table by the instruction's class. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fairlead_agent import machine_containers as containers
from fairlead_agent import machine_host as host
from fairlead_agent.instructions import (
    ApplyObject,
    Discard,
    EnsureImage,
    GiveUp,
    Inspect,
    Instruction,
    IssueCertificates,
    Launch,
    ListContainers,
    ReadLogs,
    RemoveObject,
    RemoveTask,
    Restore,
    Retire,
    RunProbe,
    Signal,
    Start,
    TaskInstruction,
    UndoHost,
    WriteFile,
)
from fairlead_agent.outcomes import Done, Failed, FailureKind, Outcome, ProbeResult
from fairlead_agent.view import Attempt, Moment, View
from fairlead_wire.backoff import FIRST_SECONDS, LAST_SECONDS

# Docker's own news of what we just did is asked for soon after, all in one listing.
_SOON_SECONDS = 0.2
_LEAST_SECONDS = 0.1

Fold = Callable[[View, Any, Any, Moment], View]


def settle(view: View, outcome: Outcome, now: Moment, random: float) -> View:
    """The view after an instruction ended, well or not; `random` in [0, 1) spreads the back-off."""
    instruction = outcome.instruction
    left = {lane: item for lane, item in view.in_flight.items() if lane != instruction.lane}
    view = replace(view, in_flight=left, settled=view.settled + 1)
    if isinstance(instruction, TaskInstruction):
        view = _touched(view, instruction.component, now)
    if isinstance(outcome, Done):
        view = _cleared(view, instruction.lane)
        return _DONE[type(instruction)](view, instruction, outcome.value, now)
    return _failed(view, outcome, now, random)


def is_no_news(view: View, outcome: Outcome) -> bool:
    """Whether all is as it was: the component well still, the object applied still. Nothing has to be done for it."""
    instruction = outcome.instruction
    if not isinstance(outcome, Done):
        return False
    if isinstance(instruction, RunProbe):
        health = view.health.get(instruction.container_id)
        return bool(health and health.healthy and not health.misses and outcome.value.healthy)
    if isinstance(instruction, ApplyObject):
        state = view.objects.get(instruction.spec.name)
        return bool(state and state.applied and state.digest == instruction.spec.digest and outcome.value.applied)
    return False


def delay(failures: int, random: float) -> float:
    """Seconds to wait after so many failures in a row: full jitter, never quite zero."""
    ceiling = min(LAST_SECONDS, FIRST_SECONDS * float(2 ** min(failures - 1, 10)))
    return max(_LEAST_SECONDS, random * ceiling)


def _failed(view: View, outcome: Failed, now: Moment, random: float) -> View:
    instruction = outcome.instruction
    if outcome.kind is FailureKind.ENGINE_AWAY:
        view = replace(view, engine=False, listing_due=now.steady)
        # Nothing but the listing asks Docker until it answers, so only the listing backs off.
        return view if not isinstance(instruction, ListContainers) else _backed_off(view, outcome, now, random)
    view = _backed_off(view, outcome, now, random)
    if isinstance(instruction, TaskInstruction):
        view = replace(view, unsure=view.unsure | {instruction.component}, listing_due=now.steady)
    if outcome.kind is FailureKind.NO_IMAGE and isinstance(instruction, Launch | Retire):
        # It was here and others removed it: it is fetched again, which may well succeed.
        gone = instruction.task.image if isinstance(instruction, Launch) else instruction.image
        return replace(view, images=view.images - {gone})
    if outcome.kind is FailureKind.GONE and isinstance(instruction, Launch | Start):
        # Others removed the container before it was started: that says nothing against it, and it is made again.
        return view
    fold = _UNDONE.get(type(instruction))
    return fold(view, instruction, outcome.message, now) if fold is not None else view


def _backed_off(view: View, outcome: Failed, now: Moment, random: float) -> View:
    lane = outcome.instruction.lane
    failures = view.failures(lane) + 1
    attempt = Attempt(failures, now.steady + delay(failures, random), outcome.message)
    return replace(view, attempts={**view.attempts, lane: attempt})


def _cleared(view: View, key: str) -> View:
    if key not in view.attempts:
        return view
    return replace(view, attempts={name: item for name, item in view.attempts.items() if name != key})


def _touched(view: View, component: str, now: Moment) -> View:
    """A listing that has begun already tells nothing new of this component."""
    due = min(view.listing_due, now.steady + _SOON_SECONDS)
    return replace(view, touched={**view.touched, component: view.settled}, listing_due=due)


def _listed(view: View, instruction: ListContainers, value: Any, now: Moment) -> View:
    return containers.listed(view, instruction.issued, value, now)


def _launched(view: View, instruction: Launch, value: Any, now: Moment) -> View:
    return containers.launched(view, instruction, str(value), now)


def _pulled(view: View, instruction: EnsureImage, value: Any, now: Moment) -> View:
    return replace(view, images=view.images | {instruction.reference})


def _gave_up(view: View, instruction: GiveUp, value: Any, now: Moment) -> View:
    return containers.gave_up(view, instruction.component, instruction.hash, instruction.reason, str(value))


def _gave_up_silently(view: View, instruction: GiveUp, message: str, now: Moment) -> View:
    """Its logs could not be had: that must not keep the old container down."""
    return _cleared(_gave_up(view, instruction, "", now), instruction.lane)


def _launch_failed(view: View, instruction: Launch | Start, message: str, now: Moment) -> View:
    return containers.start_failed(view, instruction.task, message, now)


def _probe_failed(view: View, instruction: RunProbe, message: str, now: Moment) -> View:
    view = _cleared(view, instruction.lane)
    return containers.probed(view, instruction, ProbeResult(False, message), now)


_DONE: Mapping[type[Instruction], Fold] = {
    ListContainers: _listed,
    Inspect: host.inspected,
    WriteFile: host.written,
    IssueCertificates: host.certified,
    EnsureImage: _pulled,
    Launch: _launched,
    Start: containers.started,
    Retire: containers.retired,
    Restore: containers.restored,
    Discard: containers.discarded,
    GiveUp: _gave_up,
    Signal: containers.signalled,
    RunProbe: containers.probed,
    ReadLogs: containers.read,
    ApplyObject: host.applied,
    RemoveTask: host.task_removed,
    RemoveObject: host.removed,
    UndoHost: host.removed,
}
_UNDONE: Mapping[type[Instruction], Fold] = {
    GiveUp: _gave_up_silently,
    Launch: _launch_failed,
    Start: _launch_failed,
    RunProbe: _probe_failed,
}

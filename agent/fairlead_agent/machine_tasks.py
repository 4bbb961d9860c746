"""The next step of one task: a table from where it stands to what is done. Pure.

Commit-confirm: the old container is set aside (renamed, stopped, policy `no`) until the new one is healthy; if that
takes longer than its start timeout, the new one is given up, discarded, and the old one restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fairlead_agent.instructions import Discard, GiveUp, Instruction, Launch, Restore, Retire, Signal, Start
from fairlead_agent.machine_health import is_healthy, is_overdue, probe_of
from fairlead_agent.machine_inputs import fingerprint, old_waits_for, waits_for
from fairlead_agent.machine_order import waits_to_start
from fairlead_agent.machine_standing import Standing, has_ended, standing
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import PREVIOUS, Moment, View, up
from fairlead_wire.task import OnChange, TaskKind, TaskSpec

_DOWN = (ContainerStatus.CREATED, ContainerStatus.EXITED, ContainerStatus.DEAD)
# Pulls of a replacement's image that may fail before it is given up, once the old container is set aside.
_IMAGE_TRIES = 3

Step = Callable[[View, TaskSpec, Moment], Instruction | None]


def steps(view: View, now: Moment) -> Iterator[Instruction]:
    """At most one instruction for each task."""
    if not view.engine or not view.listed:
        return
    for task in view.assignment.tasks:
        lane = f"task/{task.component}"
        known = task.component not in view.unsure and lane not in view.refusals
        if known and view.free(lane, now):
            instruction = _STEPS[standing(view, task)](view, task, now)
            if instruction is not None:
                yield instruction


def _absent(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    ready = not has_ended(view, task) and task.image in view.images and not waits_for(view, task)
    if not ready or not _may_start(view, task, now) or waits_to_start(view, task, now):
        return None
    return _launch(view, task)


def _right(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    container = _current(view, task)
    if container.status is ContainerStatus.RUNNING:
        return _signal(view, task, container)
    if container.status not in _DOWN or has_ended(view, task):
        return None
    if waits_for(view, task) or not _may_start(view, task, now):
        return None
    if container.status is ContainerStatus.DEAD:
        return Discard(task.component, container.id, task.limits.stop_seconds)
    return Start(task.component, view.assignment.cluster, task, container.id, fingerprint(view, task))


def _wrong(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    container = _current(view, task)
    if task.kind is TaskKind.JOB:
        return Discard(task.component, container.id, task.limits.stop_seconds) if view.online else None
    if not view.online or view.failure(task) is not None:
        return _revive(view, task, container, now)
    if task.image in view.images and not waits_for(view, task):
        aside = container.name + PREVIOUS
        return Retire(task.component, container.id, aside, task.limits.stop_seconds, task.image)
    return _revive(view, task, container, now)


def _between(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    previous = _previous(view, task)
    fallback = view.memory.fallbacks.get(task.component)
    if previous.hash == view.hash_of(task):
        return Restore(task.component, previous.id, task.container_name) if not waits_for(view, task) else None
    if view.failure(task) is not None:
        waits = old_waits_for(view, fallback)
        return Restore(task.component, previous.id, task.container_name) if not waits else None
    if view.failures(f"image/{task.image}") >= _IMAGE_TRIES:
        reason = view.attempts[f"image/{task.image}"].message
        return GiveUp(task.component, "", view.hash_of(task), reason)
    return _launch(view, task) if task.image in view.images and not waits_for(view, task) else None


def _confirming(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    container, previous = _current(view, task), _previous(view, task)
    if view.failure(task) is not None:
        return Discard(task.component, container.id, task.limits.stop_seconds)
    if is_healthy(view, task.probe, container, now):
        return Discard(task.component, previous.id, task.limits.stop_seconds)
    if is_overdue(view, task, container, now):
        return GiveUp(task.component, container.id, view.hash_of(task), _why_given_up(view, task, container))
    return _right(view, task, now)


def _stale(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    container, previous = _current(view, task), _previous(view, task)
    confirmed = is_healthy(view, probe_of(view, task, container), container, now)
    gone = previous if confirmed else container
    return Discard(task.component, gone.id, task.limits.stop_seconds)


def _nothing(view: View, task: TaskSpec, now: Moment) -> Instruction | None:
    return None


_STEPS: Mapping[Standing, Step] = {
    Standing.ABSENT: _absent,
    Standing.RIGHT: _right,
    Standing.WRONG: _wrong,
    Standing.BETWEEN: _between,
    Standing.CONFIRMING: _confirming,
    Standing.STALE: _stale,
    Standing.FOREIGN: _nothing,
}


def _launch(view: View, task: TaskSpec) -> Launch:
    return Launch(task.component, view.assignment.cluster, task, fingerprint(view, task))


def _revive(view: View, task: TaskSpec, container: Container, now: Moment) -> Instruction | None:
    """A predecessor that is to stay and is down (also one that an interrupted undo left with policy `no`)."""
    waits = old_waits_for(view, view.memory.fallbacks.get(task.component))
    if up(container) or waits or not _may_start(view, task, now):
        return None
    return Restore(task.component, container.id, container.name)


def _signal(view: View, task: TaskSpec, container: Container) -> Instruction | None:
    known, wanted = view.memory.signalled.get(container.id, ""), fingerprint(view, task)
    if known == wanted or waits_for(view, task):
        return None
    signals = sorted({item.signal for item in task.inputs if item.on_change is OnChange.SIGNAL})
    return Signal(task.component, container.id, tuple(signals), wanted)


def _may_start(view: View, task: TaskSpec, now: Moment) -> bool:
    """Whether the back-off between starts has run off."""
    return view.ripe(f"start/{task.component}", now)


def _why_given_up(view: View, task: TaskSpec, container: Container) -> str:
    health = view.health.get(container.id)
    seconds = task.probe.start_timeout_ms // 1000
    if container.restarts:
        return f"exited with code {container.exit_code} and was restarted {container.restarts} times in {seconds} s"
    return f"not healthy within {seconds} s" + (f": {health.message}" if health and health.message else "")


def _current(view: View, task: TaskSpec) -> Container:
    container = view.current(task.component)
    assert container is not None
    return container


def _previous(view: View, task: TaskSpec) -> Container:
    container = view.previous(task.component)
    assert container is not None
    return container

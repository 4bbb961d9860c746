"""Objects and explicit removals. Nothing is removed because an assignment lacks it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fairlead_agent.instructions import ApplyObject, Instruction, RemoveObject, RemoveTask, UndoHost
from fairlead_agent.machine_health import component_is_healthy
from fairlead_agent.runtime.port import Container
from fairlead_agent.view import Moment, View
from fairlead_wire.assignment import Removal, RemovalKind

APISERVER = "kube-apiserver"


def objects(view: View, now: Moment) -> Iterator[Instruction]:
    """Applies what is new or due, while the apiserver of this node is healthy; all side by side."""
    if view.leaving or not component_is_healthy(view, APISERVER, now):
        return
    for spec in view.assignment.objects:
        state = view.objects.get(spec.name)
        due = state is None or state.digest != spec.digest or state.due <= now.steady
        if due and view.free(spec.key, now):
            yield ApplyObject(spec)


def removals(view: View, now: Moment) -> Iterator[Instruction]:
    """With the controller away nothing is removed."""
    if not view.online:
        return
    for removal in view.assignment.removals:
        if not is_done(view, removal) and not removal_waits_for(view, removal, now):
            instruction = _REMOVE[removal.kind](view, removal)
            if view.free(instruction.lane, now):
                yield instruction


def is_done(view: View, removal: Removal) -> bool:
    """Not so while a container of it is there, or there again: a call that Docker was late with may have made one."""
    state = view.removals.get(removal.key)
    if state is None or state.removal != removal:
        return False
    return removal.kind is not RemovalKind.TASK or not targets(view, removal)


def removal_waits_for(view: View, removal: Removal, now: Moment) -> str:
    """ "" if it may be carried out, else for what it waits."""
    return _WAITS[removal.kind](view, removal, now)


def targets(view: View, removal: Removal) -> tuple[Container, ...]:
    """The containers that a task's removal takes: of a name that is still held, only those of the removal's hash."""
    ours = [
        container
        for container in view.containers.values()
        if container.component == removal.name and container.cluster == view.assignment.cluster
    ]
    held = view.assignment.task(removal.name)
    if held is None:
        return tuple(ours)
    return tuple(c for c in ours if c.hash == removal.hash and c.hash != view.hash_of(held))


def _task_waits(view: View, removal: Removal, now: Moment) -> str:
    return "" if view.engine and view.listed else "waits for Docker to answer"


def _object_waits(view: View, removal: Removal, now: Moment) -> str:
    healthy = component_is_healthy(view, APISERVER, now)
    return "" if healthy else "waits for the kube-apiserver of this node to be healthy"


def _host_waits(view: View, removal: Removal, now: Moment) -> str:
    if view.assignment.tasks:
        return f"waits for the removal of {view.assignment.tasks[0].component}"
    tasks = (item for item in view.assignment.removals if item.kind is RemovalKind.TASK)
    return next((f"waits for the removal of {item.name}" for item in tasks if not is_done(view, item)), "")


def _remove_task(view: View, removal: Removal) -> Instruction:
    ids = tuple(container.id for container in targets(view, removal))
    return RemoveTask(removal.name, removal, ids, clean=view.assignment.task(removal.name) is None)


_WAITS: Mapping[RemovalKind, Callable[[View, Removal, Moment], str]] = {
    RemovalKind.TASK: _task_waits,
    RemovalKind.OBJECT: _object_waits,
    RemovalKind.HOST: _host_waits,
}
_REMOVE: Mapping[RemovalKind, Callable[[View, Removal], Instruction]] = {
    RemovalKind.TASK: _remove_task,
    RemovalKind.OBJECT: lambda view, removal: RemoveObject(removal),
    RemovalKind.HOST: lambda view, removal: UndoHost(removal),
}

"""How far a change is: one step for each component on each node, and whether all of it is done or some of it failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.operation import Step
from fairlead_controller.model.snapshot import Observed, Snapshot
from fairlead_controller.plan.catalogue import REMOVAL_ORDER
from fairlead_controller.plan.diff import HOST, host_removal
from fairlead_controller.plan.gaps import Leaving, Staying, gaps, in_replacement_order, rank
from fairlead_controller.plan.remembered import Remembered
from fairlead_controller.plan.seen import Seen, failed_files, object_seen, removal_seen, task_seen
from fairlead_wire.assignment import Removal, RemovalKind
from fairlead_wire.task import TaskSpec, TaskState

WAITING = "waiting"
OBJECTS, CONFIGURATION = "objects", "configuration"


@dataclass(frozen=True)
class Progress:
    """`failure`: one sentence with what to do, or empty. Both may change until an operation has ended."""

    steps: tuple[Step, ...]
    done: bool
    failure: str


def progress(snapshot: Snapshot, moves: tuple[Move, ...]) -> Progress:
    found, name = gaps(snapshot), snapshot.cluster.name
    of_nodes: dict[str, list[Move]] = {}
    for move in moves:
        of_nodes.setdefault(move.node_id, []).append(move)
    everyone: tuple[Staying | Leaving, ...] = (*found.staying, *found.leaving)
    looks = [
        (gap.node.id, (gap, tuple(of_nodes.get(gap.node.id, ())), snapshot.observed_on(gap.node.id)))
        for gap in everyone
    ]
    of_each = _OF_NODE.each(name, looks)
    steps = tuple(step for each in of_each.values() for step in each.steps)
    # Who can't be seen may be well by now, and is waited for; what failed there is tried again when it is back.
    failures = (each.failure for id, each in of_each.items() if each.failure and id in snapshot.fleet.reachable)
    return Progress(steps, all(each.done for each in of_each.values()), next(failures, ""))


_WELL = frozenset(state.word for state in TaskState if state.settled)


def _of_node(gap: Staying | Leaving, moves: tuple[Move, ...], observed: Observed) -> Progress:
    """How far one node is."""
    steps = tuple(_Steps(gap, moves, observed).all())
    well = all(step.state in _WELL for step in steps)
    return Progress(steps, well and not moves, next(_failures(gap, observed), ""))


_OF_NODE = Remembered(_of_node)


class _Steps:
    def __init__(self, gap: Staying | Leaving, moves: tuple[Move, ...], observed: Observed) -> None:
        self._gap, self._observed = gap, observed
        self._outstanding = {move.component: move for move in moves if move.action in _OF_COMPONENTS}
        self._configuring = next((move for move in moves if move.action is MoveAction.CONFIGURE), None)
        self._releasing = next((move for move in moves if move.action is MoveAction.RELEASE), None)

    def all(self) -> Iterator[Step]:
        return self._staying(self._gap) if isinstance(self._gap, Staying) else self._leaving(self._gap)

    def _staying(self, gap: Staying) -> Iterator[Step]:
        for task in in_replacement_order(gap.wanted.tasks):
            yield self._task(gap, task)
        for task in gap.dropped:
            yield self._waiting(task.component)
        for removal in gap.unfinished:
            if removal.kind is not RemovalKind.OBJECT:
                yield self._removal(removal)
        if gap.wanted.objects:
            yield self._objects(gap)
        elif self._configuring is not None and self._configuring.waits_for:
            yield Step(gap.node.name, CONFIGURATION, WAITING, self._configuring.waits_for)

    def _task(self, gap: Staying, task: TaskSpec) -> Step:
        seen = task_seen(self._observed, gap.held.task(task.component) or task)
        if task.component in self._outstanding and not seen.failed:
            return self._waiting(task.component)
        return self._step(task.component, seen)

    def _objects(self, gap: Staying) -> Step:
        move = self._configuring
        if move is not None:
            return Step(gap.node.name, OBJECTS, WAITING, move.waits_for)
        found = [object_seen(self._observed, spec) for spec in gap.held.objects]
        worst = max(found, key=lambda seen: (not seen.well, seen.failed), default=Seen(TaskState.HEALTHY))
        if worst.well:
            return self._step(OBJECTS, Seen(TaskState.HEALTHY))
        applied = sum(seen.well for seen in found)
        why = f"; {worst.message}" if worst.message else ""
        return Step(gap.node.name, OBJECTS, worst.state.word, f"{applied} of {len(found)} are applied{why}")

    def _leaving(self, gap: Leaving) -> Iterator[Step]:
        removals = {removal.name: removal for removal in gap.held.removals if removal.kind is RemovalKind.TASK}
        names = {task.component for task in gap.held.tasks} | set(removals)
        for name in sorted(names, key=lambda name: (rank(REMOVAL_ORDER, name), name)):
            yield self._removal(removals[name]) if name in removals else self._waiting(name)
        host = host_removal(gap)
        step = self._removal(host) if host is not None else self._waiting(HOST)
        waits_for = self._releasing.waits_for if self._releasing is not None else ""
        yield replace(step, state=WAITING, message=waits_for) if waits_for and step.state in _WELL else step

    def _removal(self, removal: Removal) -> Step:
        name = HOST if removal.kind is RemovalKind.HOST else removal.name
        return self._step(name, removal_seen(self._observed, removal))

    def _waiting(self, component: str) -> Step:
        move = self._outstanding.get(component)
        return Step(self._gap.node.name, component, WAITING, move.waits_for if move is not None else "")

    def _step(self, component: str, seen: Seen) -> Step:
        return Step(self._gap.node.name, component, seen.state.word, seen.message, seen.at / 1000)


_OF_COMPONENTS = (MoveAction.PLACE, MoveAction.REPLACE, MoveAction.REMOVE)


def _failures(gap: Staying | Leaving, observed: Observed) -> Iterator[str]:
    if isinstance(gap, Staying):
        yield from _failures_of_kept(gap, observed)
    for removal in gap.held.removals:
        name = f"the removal of {removal.name} from {gap.node.name}"
        yield from _failed(name, removal_seen(observed, removal))


def _failures_of_kept(gap: Staying, observed: Observed) -> Iterator[str]:
    for task in in_replacement_order(gap.held.tasks):
        if gap.wanted.task(task.component) == task:
            yield from _failed(f"{task.component} on {gap.node.name}", task_seen(observed, task))
    for path, why in failed_files(observed, gap.held):
        yield f"{path} on {gap.node.name} can't be kept: {why}"
    for spec in gap.held.objects:
        yield from _failed(f"the object {spec.name}", object_seen(observed, spec))


def _failed(name: str, seen: Seen) -> Iterator[str]:
    if seen.failed:
        yield f"{name} failed: {seen.message}" if seen.message else f"{name} failed"

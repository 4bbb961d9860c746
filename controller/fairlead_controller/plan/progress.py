"""How far a change is: one step for each component on each node, and whether all of it is done or some of it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.operation import Step
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.plan.catalogue import REMOVAL_ORDER
from fairlead_controller.plan.diff import HOST
from fairlead_controller.plan.gaps import Gaps, Leaving, Staying, gaps, in_replacement_order, rank
from fairlead_controller.plan.seen import Seen, failed_files, object_seen, removal_seen, task_seen
from fairlead_wire.assignment import Removal, RemovalKind
from fairlead_wire.task import TaskSpec, TaskState

WAITING = "waiting"
OBJECTS = "objects"


@dataclass(frozen=True)
class Progress:
    """`failure`: one sentence with what to do, or empty. Both may change until an operation has ended."""

    steps: tuple[Step, ...]
    done: bool
    failure: str


def progress(snapshot: Snapshot, moves: tuple[Move, ...]) -> Progress:
    found = gaps(snapshot)
    steps = tuple(_Steps(snapshot, found, moves).all())
    well = all(step.state in _WELL for step in steps)
    return Progress(steps, well and not moves, next(_failures(snapshot, found), ""))


_WELL = frozenset(state.word for state in TaskState if state.settled)


class _Steps:
    def __init__(self, snapshot: Snapshot, found: Gaps, moves: tuple[Move, ...]) -> None:
        self._snapshot, self._gaps = snapshot, found
        self._outstanding: Mapping[tuple[str, str], Move] = {
            (move.node_id, move.component): move for move in moves if move.action in _OF_COMPONENTS
        }
        self._configuring = {move.node_id: move for move in moves if move.action is MoveAction.CONFIGURE}

    def all(self) -> Iterator[Step]:
        for staying in self._gaps.staying:
            yield from self._staying(staying)
        for leaving in self._gaps.leaving:
            yield from self._leaving(leaving)

    def _staying(self, gap: Staying) -> Iterator[Step]:
        for task in in_replacement_order(gap.wanted.tasks):
            yield self._task(gap, task)
        for task in gap.dropped:
            yield self._waiting(gap, task.component)
        for removal in gap.unfinished:
            if removal.kind is not RemovalKind.OBJECT:
                yield self._removal(gap, removal)
        if gap.wanted.objects:
            yield self._objects(gap)

    def _task(self, gap: Staying, task: TaskSpec) -> Step:
        seen = task_seen(self._snapshot, gap.node.id, gap.held.task(task.component) or task)
        move = self._outstanding.get((gap.node.id, task.component))
        if move is not None and not seen.failed:
            return Step(gap.node.name, task.component, WAITING, move.waits_for)
        return _step(gap, task.component, seen)

    def _objects(self, gap: Staying) -> Step:
        move = self._configuring.get(gap.node.id)
        if move is not None:
            return Step(gap.node.name, OBJECTS, WAITING, move.waits_for)
        found = [object_seen(self._snapshot, gap.node.id, spec) for spec in gap.held.objects]
        worst = max(found, key=lambda seen: (not seen.well, seen.failed), default=Seen(TaskState.HEALTHY))
        if worst.well:
            return _step(gap, OBJECTS, Seen(TaskState.HEALTHY))
        applied = sum(seen.well for seen in found)
        why = f"; {worst.message}" if worst.message else ""
        return Step(gap.node.name, OBJECTS, worst.state.word, f"{applied} of {len(found)} are applied{why}")

    def _leaving(self, gap: Leaving) -> Iterator[Step]:
        removals = {removal.name: removal for removal in gap.held.removals if removal.kind is RemovalKind.TASK}
        names = {task.component for task in gap.held.tasks} | set(removals)
        for name in sorted(names, key=lambda name: (rank(REMOVAL_ORDER, name), name)):
            yield self._removal(gap, removals[name]) if name in removals else self._waiting(gap, name)
        host = next((removal for removal in gap.held.removals if removal.kind is RemovalKind.HOST), None)
        yield self._removal(gap, host) if host is not None else self._waiting(gap, HOST)

    def _removal(self, gap: Staying | Leaving, removal: Removal) -> Step:
        name = HOST if removal.kind is RemovalKind.HOST else removal.name
        return _step(gap, name, removal_seen(self._snapshot, gap.node.id, removal))

    def _waiting(self, gap: Staying | Leaving, component: str) -> Step:
        move = self._outstanding.get((gap.node.id, component))
        return Step(gap.node.name, component, WAITING, move.waits_for if move is not None else "")


_OF_COMPONENTS = (MoveAction.PLACE, MoveAction.REPLACE, MoveAction.REMOVE)


def _step(gap: Staying | Leaving, component: str, seen: Seen) -> Step:
    return Step(gap.node.name, component, seen.state.word, seen.message, seen.at / 1000)


def _failures(snapshot: Snapshot, found: Gaps) -> Iterator[str]:
    for gap in found.staying:
        for task in in_replacement_order(gap.held.tasks):
            if gap.wanted.task(task.component) == task:
                yield from _failed(f"{task.component} on {gap.node.name}", task_seen(snapshot, gap.node.id, task))
        for path, why in failed_files(snapshot, gap.node.id, gap.held):
            yield f"{path} on {gap.node.name} can't be kept: {why}"
        for spec in gap.held.objects:
            name = f"the object {spec.name}"
            yield from _failed(name, object_seen(snapshot, gap.node.id, spec))
    both: tuple[Staying | Leaving, ...] = (*found.staying, *found.leaving)
    for each in both:
        for removal in each.held.removals:
            name = f"the removal of {removal.name} from {each.node.name}"
            yield from _failed(name, removal_seen(snapshot, each.node.id, removal))


def _failed(name: str, seen: Seen) -> Iterator[str]:
    if seen.failed:
        yield f"{name} failed: {seen.message}" if seen.message else f"{name} failed"

"""Which moves may happen now, and what they change. The rest waits, and says for what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.node import Claim
from fairlead_controller.model.snapshot import ClusterPhase, Snapshot
from fairlead_controller.plan.diff import HOST
from fairlead_controller.plan.gaps import Entry, Gaps, Leaving, Staying, gaps
from fairlead_controller.plan.waits import Waits
from fairlead_wire.assignment import Assignment, Removal, RemovalKind, normalised
from fairlead_wire.task import TaskSpec


@dataclass(frozen=True)
class Changes:
    """What has to be stored, all of it or nothing. `assignments`: by node identifier."""

    claims_added: tuple[Claim, ...] = ()
    claims_removed: tuple[Claim, ...] = ()
    assignments: Mapping[str, Assignment] = field(default_factory=dict)


def next_moves(snapshot: Snapshot, moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """The same moves; those that can't happen now say what they wait for."""
    waits = Waits(snapshot, gaps(snapshot), moves)
    return tuple(_waiting(move, waits.of(move)) for move in moves)


def _waiting(move: Move, waits_for: str) -> Move:
    return replace(move, waits_for=waits_for) if waits_for != move.waits_for else move


def perform(snapshot: Snapshot, ready: Iterable[Move]) -> Changes:
    """What these moves change: several of one node make one new revision of its assignment."""
    by_node: dict[str, list[Move]] = {}
    for move in ready:
        by_node.setdefault(move.node_id, []).append(move)
    if not by_node:
        return Changes()
    return _performed(snapshot, gaps(snapshot), by_node)


def _performed(snapshot: Snapshot, found: Gaps, by_node: Mapping[str, list[Move]]) -> Changes:
    assignments = {
        gap.node.id: _next(gap, _stay(gap, by_node[gap.node.id])) for gap in found.staying if gap.node.id in by_node
    }
    for gap in found.leaving:
        if gap.node.id in by_node:
            assignments[gap.node.id] = _next(gap, _leave(snapshot, gap, by_node[gap.node.id]))
    return Changes(
        _claimed(found, by_node),
        tuple(gap.claim for gap in found.leaving if _does(by_node, gap.node.id, MoveAction.RELEASE)),
        {node_id: assignment for node_id, assignment in assignments.items() if assignment is not None},
    )


def _claimed(found: Gaps, by_node: Mapping[str, list[Move]]) -> tuple[Claim, ...]:
    """Whatever is begun on a node claims it in the same transaction, and with it the control planes of a new cluster,
    since each of them is told of all."""
    new = [gap for gap in found.staying if gap.is_new]
    begun = any(gap.node.id in by_node for gap in new)
    return tuple(gap.claim for gap in new if gap.node.id in by_node or (begun and gap.is_control_plane))


def _does(by_node: Mapping[str, list[Move]], node_id: str, action: MoveAction) -> bool:
    return any(move.action is action for move in by_node.get(node_id, ()))


def _next(gap: Staying | Leaving, after: Assignment) -> Assignment | None:
    """The next revision; none for a claim alone, which changes no assignment."""
    after = normalised(after)
    return None if after.same_content(normalised(gap.held)) else replace(after, revision=gap.held.revision + 1)


def _stay(gap: Staying, moves: list[Move]) -> Assignment:
    for move in moves:
        gap = replace(gap, held=_STAY[move.action](gap, move))
    return gap.held


def _placed(gap: Staying, move: Move) -> Assignment:
    """The task, with the files and certificates that it reads. What was being removed of it no longer is."""
    task = gap.wanted.task(move.component)
    assert task is not None
    paths = {each.path for each in task.inputs}
    held = gap.held
    return replace(
        held,
        tasks=(*_without(held.tasks, move.component), task),
        files=tuple({**_by_path(held.files), **_by_path(gap.wanted.files, paths)}.values()),
        certificates=tuple({**_by_path(held.certificates), **_by_path(gap.wanted.certificates, paths)}.values()),
        removals=tuple(each for each in gap.unfinished if (each.kind, each.name) != (RemovalKind.TASK, move.component)),
    )


def _dropped(gap: Staying, move: Move) -> Assignment:
    return _with_removal(gap.held, move.component, f"{move.component} is no longer part of the cluster", False)


_STAY: Mapping[MoveAction, Callable[[Staying, Move], Assignment]] = {
    MoveAction.CLAIM: lambda gap, move: gap.held,
    MoveAction.PLACE: _placed,
    MoveAction.REPLACE: _placed,
    MoveAction.CONFIGURE: lambda gap, move: gap.configured,
    MoveAction.REMOVE: _dropped,
}


def _leave(snapshot: Snapshot, gap: Leaving, moves: list[Move]) -> Assignment:
    """Objects are not kept any more from the first removal on, or they would come back behind it."""
    cluster = snapshot.cluster
    deleting = cluster.phase is ClusterPhase.DELETING
    reason = f"cluster {cluster.name} is deleted" if deleting else f"{gap.node.name} leaves cluster {cluster.name}"
    held = replace(gap.held, objects=())
    for move in moves:
        if move.action is MoveAction.RELEASE:
            held = Assignment(node=gap.node.name, revision=held.revision)
        elif move.component == HOST:
            held = _host(held, cluster.name, reason, cluster.destroy_data)
        else:
            held = _with_removal(held, move.component, reason, cluster.destroy_data)
    return held


def _with_removal(held: Assignment, component: str, reason: str, destroy_data: bool) -> Assignment:
    task = held.task(component)
    if task is None:
        return held
    removal = _task_removal(task, reason, destroy_data)
    return replace(held, tasks=_without(held.tasks, component), removals=(*held.removals, removal))


def _task_removal(task: TaskSpec, reason: str, destroy_data: bool) -> Removal:
    return Removal(RemovalKind.TASK, task.component, task.hash, reason, destroy_data, task.footprint)


def _host(held: Assignment, cluster: str, reason: str, destroy_data: bool) -> Assignment:
    """Files and certificates are let go in the same breath: the agent may not write anew what it takes away."""
    removal = Removal(RemovalKind.HOST, cluster, f"r{held.revision + 1}", reason, destroy_data)
    return replace(held, files=(), certificates=(), removals=(*held.removals, removal))


def _without(tasks: tuple[TaskSpec, ...], component: str) -> tuple[TaskSpec, ...]:
    return tuple(task for task in tasks if task.component != component)


def _by_path(entries: tuple[Entry, ...], only: set[str] | None = None) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries if only is None or entry.path in only}

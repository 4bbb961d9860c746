"""One round of reconcile: what `plan` says of a snapshot, and the one transaction that carries it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from fairlead_controller.events import move_begun
from fairlead_controller.forgetting import Identity, forget, removals_let_go, retries_of, retry
from fairlead_controller.model.event import Event
from fairlead_controller.model.move import Move
from fairlead_controller.model.operation import Operation, OperationState, Step
from fairlead_controller.model.snapshot import ClusterPhase, Observed, Snapshot
from fairlead_controller.operations import ending, settled
from fairlead_controller.plan import diff, rollout
from fairlead_controller.plan.placement import place
from fairlead_controller.plan.progress import WAITING, Progress, progress
from fairlead_controller.plan.remembered import Remembered
from fairlead_controller.plan.rollout import Changes
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, Subject

PLACEMENT, FILES = "placement", "files"


class OutdatedError(Exception):
    """Something was stored since the snapshot was taken: take another one."""


@dataclass(frozen=True)
class Round:
    """What is to be done now, and where things stand."""

    snapshot: Snapshot
    ready: tuple[Move, ...]
    changes: Changes
    progress: Progress


@dataclass(frozen=True)
class Begun:
    """A move that was begun, and the event that says so."""

    move: Move
    event_id: int


@dataclass(frozen=True)
class Written:
    """What a round stored. `forgotten`: subjects on nodes of which nothing that was seen counts any more; `gone`: the
    cluster is removed for good."""

    touched: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    begun: tuple[Begun, ...] = ()
    operation: Operation | None = None
    gone: bool = False
    forgotten: Mapping[str, frozenset[Identity]] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """Whether there are new events."""
        ended = self.operation is not None and self.operation.state is not OperationState.RUNNING
        return bool(self.begun) or ended or self.gone


def think(snapshot: Snapshot) -> Round:
    """Pure: the difference, which of it may happen now, and what that changes."""
    moves = rollout.next_moves(snapshot, diff.moves(snapshot))
    ready = tuple(move for move in moves if not move.waits_for)
    return Round(snapshot, ready, rollout.perform(snapshot, ready), _progress(snapshot, moves))


def _progress(snapshot: Snapshot, moves: tuple[Move, ...]) -> Progress:
    """What `plan` says of components, and what else an operation has to wait for before it is done."""
    found = progress(snapshot, moves)
    waiting = (*_placement(snapshot), *_unwritten(snapshot))
    return replace(found, steps=(*waiting, *found.steps), done=found.done and not waiting)


def _placement(snapshot: Snapshot) -> Iterator[Step]:
    """A cluster that the nodes can't carry has nothing to do, and is not done."""
    if problems := place(snapshot.cluster, snapshot.fleet).problems:
        yield Step("", PLACEMENT, WAITING, "; ".join(problems))


def _unwritten(snapshot: Snapshot) -> Iterator[Step]:
    """A change of a file or certificate alone makes no component unhealthy: it is done once the agent says that it is
    written."""
    nodes = {node.id: node for node in snapshot.fleet.nodes}
    held = {id: snapshot.held.get(id, Assignment()) for id in nodes}
    claims = snapshot.fleet.claims_of(snapshot.cluster.name)
    each = ((id, (nodes[id].name, held[id], snapshot.observed_on(id))) for id in (claim.node_id for claim in claims))
    for steps in _FILES.each(snapshot.cluster.name, each).values():
        yield from steps


def _files(node: str, held: Assignment, observed: Observed) -> tuple[Step, ...]:
    wanted: tuple[FileSpec | CertificateSpec, ...] = (*held.files, *held.certificates)
    pairs = ((each, observed.get((Subject.FILE, each.path))) for each in wanted)
    written = sum(seen is not None and seen.state.settled and seen.hash == each.digest for each, seen in pairs)
    if written == len(wanted):
        return ()
    return (Step(node, FILES, WAITING, f"{written} of {len(wanted)} are written"),)


_FILES = Remembered(_files)


def write(repositories: Repositories, round: Round, cause_id: int, at: float) -> Written:
    """Stores a round: claims, assignments, moves, events, the operation. Raises OutdatedError and stores nothing if
    the snapshot no longer holds."""
    _check(repositories, round.snapshot)
    name = round.snapshot.cluster.name
    operation = repositories.operations.running(name)
    cause = operation.cause_id if operation is not None else cause_id
    released = _claim(repositories, round.changes)
    let_go = removals_let_go(repositories, round.changes)
    assigned = frozenset(_assign(repositories, round))
    failures = retry(repositories, round.snapshot, operation, assigned)
    forgotten = forget(repositories, let_go, failures)
    retries, touched = retries_of(round.snapshot, failures), assigned | frozenset(failures)
    moved = touched or released or round.changes.claims_added
    moves = (*round.ready, *retries)
    begun = _record(repositories, name, moves, operation, cause, at) if moved else ()
    gone = _is_gone(repositories, round.snapshot)
    operation = _settle(repositories, round, operation, bool(moved), bool(failures), gone, at)
    if gone:
        _remove(repositories, name, cause, at)
    return Written(touched, released, begun, operation, gone, forgotten)


def _check(repositories: Repositories, snapshot: Snapshot) -> None:
    if repositories.clusters.get(snapshot.cluster.name) != snapshot.cluster:
        raise OutdatedError("the cluster has changed")
    if set(repositories.claims.all()) != set(snapshot.fleet.claims):
        raise OutdatedError("the claims have changed")


def _claim(repositories: Repositories, changes: Changes) -> frozenset[str]:
    """The nodes that were released."""
    for claim in changes.claims_removed:
        repositories.claims.remove(claim.node_id)
        repositories.observations.clear(claim.node_id)
    for claim in changes.claims_added:
        repositories.claims.add(claim)
    return frozenset(claim.node_id for claim in changes.claims_removed)


def _assign(repositories: Repositories, round: Round) -> Iterator[str]:
    """Stores what really differs. A node's revisions rise for ever, also from one cluster to the next."""
    for node_id, assignment in round.changes.assignments.items():
        newest = repositories.assignments.get(node_id)
        if newest.revision != round.snapshot.held.get(node_id, newest).revision:
            raise OutdatedError("an assignment has changed")
        if not assignment.same_content(newest):
            repositories.assignments.put(node_id, _after(newest, assignment))
            yield node_id


def _after(newest: Assignment, assignment: Assignment) -> Assignment:
    return replace(assignment, revision=max(assignment.revision, newest.revision + 1))


def _record(
    repositories: Repositories,
    name: str,
    moves: tuple[Move, ...],
    operation: Operation | None,
    cause: int,
    at: float,
) -> tuple[Begun, ...]:
    repositories.moves.record(name, operation.id if operation is not None else "", moves, at)
    return tuple(Begun(move, repositories.events.append(move_begun(move, name, cause), at).id) for move in moves)


def _is_gone(repositories: Repositories, snapshot: Snapshot) -> bool:
    cluster = snapshot.cluster
    left = any(claim.cluster == cluster.name for claim in repositories.claims.all())
    return cluster.phase is ClusterPhase.DELETING and not left


def _settle(
    repositories: Repositories,
    round: Round,
    operation: Operation | None,
    moved: bool,
    retried: bool,
    gone: bool,
    at: float,
) -> Operation | None:
    if operation is None:
        return None
    done, failure = round.progress.done and not moved, "" if retried else round.progress.failure
    after = settled(operation, round.snapshot.cluster, done, failure, at)
    if gone and after.state is not OperationState.SUPERSEDED:
        after = replace(operation, state=OperationState.SUCCEEDED, ended_at=at)
    if after.state is not operation.state:
        repositories.operations.put(after)
        repositories.events.append(ending(after), at)
    return after


def _remove(repositories: Repositories, name: str, cause: int, at: float) -> None:
    repositories.authorities.remove_scope(name)
    repositories.clusters.remove(name)
    repositories.events.append(Event("cluster-deleted", f"Cluster {name} is removed.", name, cause_id=cause), at)

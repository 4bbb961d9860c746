"""What was seen and counts no more, because the same thing is about to be done anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.operation import Operation
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.model.voided import is_void
from fairlead_controller.plan.rollout import Changes
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Subject
from fairlead_wire.task import TaskState

Identity = tuple[Subject, str]


def retry(
    repositories: Repositories, snapshot: Snapshot, operation: Operation | None, assigned: frozenset[str]
) -> dict[str, frozenset[Identity]]:
    """What had failed, by node. A new operation gives it another chance, once: at a new revision agents forget what
    they gave up. Without this nobody could get past a failure that is no fault of the spec."""
    if operation is None or repositories.moves.of(operation.id):
        return {}
    members = {claim.node_id for claim in snapshot.fleet.claims_of(snapshot.cluster.name)} & snapshot.fleet.reachable
    found = ((id, snapshot.observed_on(id).values()) for id in sorted(members))
    failures = {id: frozenset(item.identity for item in seen if item.state is TaskState.FAILED) for id, seen in found}
    failures = {id: identities for id, identities in failures.items() if identities}
    for node_id in failures:
        if node_id not in assigned:
            newest = repositories.assignments.get(node_id)
            repositories.assignments.put(node_id, replace(newest, revision=newest.revision + 1))
    return failures


def retries_of(snapshot: Snapshot, failures: Iterable[str]) -> tuple[Move, ...]:
    names = {node.id: node.name for node in snapshot.fleet.nodes}
    return tuple(Move(MoveAction.CONFIGURE, id, names[id], details=("try again what failed",)) for id in failures)


def removals_let_go(repositories: Repositories, changes: Changes) -> dict[str, frozenset[Identity]]:
    """Removals that a new assignment no longer names. The same one, asked for again, has to be carried out again."""
    found: dict[str, frozenset[Identity]] = {}
    for node_id, assignment in changes.assignments.items():
        named = {removal.name for removal in assignment.removals}
        before = (removal.name for removal in repositories.assignments.get(node_id).removals)
        if gone := frozenset((Subject.REMOVAL, name) for name in before if name not in named):
            found[node_id] = gone
    return found


def forget(repositories: Repositories, *several: Mapping[str, frozenset[Identity]]) -> dict[str, frozenset[Identity]]:
    """What was seen of these subjects is stored no longer; all of them, by node."""
    forgotten: dict[str, frozenset[Identity]] = {}
    for node_id, identities in (pair for subjects in several for pair in subjects.items()):
        forgotten[node_id] = forgotten.get(node_id, frozenset()) | identities
        seen = repositories.observations.of(node_id)
        kept = [item for item in seen if item.identity not in identities or not is_void(item)]
        repositories.observations.clear(node_id)
        repositories.observations.put(node_id, kept)
    return forgotten

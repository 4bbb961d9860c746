"""Taking over what agents hold into a database that knows less: pure decisions, and the transaction that confirms.

The agent's tasks and files become the node's assignment, so that the planner sees what is really there, and goes from
that to what the spec wants in its own careful order. Certificates are taken only if the database itself planned them:
the controller signs what an assignment names, and an agent must not choose that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fairlead_controller.ports import Ahead
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Assignment

# Far above what any fleet will see: beyond it an agent's word is not believed.
HIGHEST_GENERATION = 1_000_000


def adopted(kept: Assignment, newest: Assignment) -> Assignment:
    """What a node is taken to hold, at a revision above both: `kept` is in the agent's journal, `newest` stored."""
    planned = set(newest.certificates) if kept.cluster == newest.cluster else set()
    certificates = tuple(spec for spec in kept.certificates if spec in planned)
    return replace(kept, revision=max(kept.revision, newest.revision) + 1, certificates=certificates)


def seen_as_held(held: Mapping[str, Assignment], ahead: Mapping[str, Ahead]) -> dict[str, Assignment]:
    """`held` with what agents told instead of what the database has, so that a plan shows what will really change."""
    told = {node_id: known.kept for node_id, known in ahead.items() if known.kept is not None}
    return {node_id: adopted(told[node_id], newest) if node_id in told else newest for node_id, newest in held.items()}


def differences(kept: Assignment, newest: Assignment) -> tuple[str, ...]:
    """What the agent holds otherwise than the database: components by name, the rest by kind; sorted."""
    return tuple(sorted({*_tasks(kept, newest), *_others(kept, newest)}))


def _tasks(kept: Assignment, newest: Assignment) -> Iterator[str]:
    before, after = ({task.component: task for task in each.tasks} for each in (newest, kept))
    yield from (name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _others(kept: Assignment, newest: Assignment) -> Iterator[str]:
    for kind in ("files", "objects", "removals"):
        if set(getattr(kept, kind)) != set(getattr(newest, kind)):
            yield kind


@dataclass(frozen=True)
class Confirmed:
    """`changed`: whether there was anything to confirm; `adopted`: names of the nodes that are taken over."""

    changed: bool
    adopted: tuple[str, ...] = ()


def confirm(repositories: Repositories, ahead: Mapping[str, Ahead]) -> Confirmed:
    """Lets the database command again, above everything that the agents have seen. Nodes that have not told what they
    hold stay only observed."""
    fleet = repositories.fleets.get()
    if fleet is None:
        return Confirmed(False)
    told = {node_id: known for node_id, known in ahead.items() if known.kept is not None}
    believed = [known.generation for known in told.values() if known.generation <= HIGHEST_GENERATION]
    confirmed = replace(fleet, generation=max([fleet.generation, *believed]), restored_at=0.0)
    if confirmed != fleet:
        repositories.fleets.put(confirmed)
    names = tuple(_adopt(repositories, told))
    return Confirmed(confirmed != fleet or bool(names), names)


def _adopt(repositories: Repositories, told: Mapping[str, Ahead]) -> Iterator[str]:
    for node_id, known in told.items():
        node = repositories.nodes.get(node_id)
        if node is not None and known.kept is not None:
            repositories.assignments.put(node_id, adopted(known.kept, repositories.assignments.get(node_id)))
            yield node.name

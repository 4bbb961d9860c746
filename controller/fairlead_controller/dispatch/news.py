"""News of agents on its way into the database: one batch, one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead_controller.events import observed
from fairlead_controller.model.event import Event
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Observation, Subject


@dataclass(frozen=True)
class Change:
    """One accepted observation, the one that it replaced, and the event that led to it."""

    node_id: str
    before: Observation | None
    now: Observation
    cause_id: int = 0

    def event(self, node: str, cluster: str) -> Event | None:
        return observed(node, cluster, self.before, self.now, self.cause_id)


@dataclass(frozen=True)
class Happened:
    """Something that an agent told for the event log."""

    node_id: str
    kind: str
    component: str
    message: str
    cause_id: int = 0

    def event(self, node: str, cluster: str) -> Event | None:
        return Event(self.kind, self.message, cluster, node, self.component, self.cause_id)


def write_news(repositories: Repositories, batch: Sequence[Change | Happened], at: float) -> frozenset[str]:
    """Stores the newest of each subject and the events, in order. The clusters that it is about."""
    touched = {item.node_id for item in batch}
    names = {id: node.name for id in touched if (node := repositories.nodes.get(id)) is not None}
    clusters = {claim.node_id: claim.cluster for claim in repositories.claims.all() if claim.node_id in touched}
    for item in batch:
        event = item.event(names.get(item.node_id, ""), clusters.get(item.node_id, ""))
        if event is not None and item.node_id in names:
            repositories.events.append(event, at)
    for node_id in names:
        repositories.observations.put(node_id, _newest(batch, node_id).values())
    return frozenset(clusters.values())


def _newest(batch: Sequence[Change | Happened], node_id: str) -> dict[tuple[Subject, str], Observation]:
    return {item.now.identity: item.now for item in batch if isinstance(item, Change) and item.node_id == node_id}

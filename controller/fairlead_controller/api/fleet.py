"""FleetService: the fleet as a whole, and the confirmation of a restored database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.api.v1 import fleet_pb2, fleet_pb2_grpc
from fairlead_controller import adoption
from fairlead_controller.api import audit
from fairlead_controller.api.messages import timestamp
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import CLUSTERS, NODES, resource_name
from fairlead_controller.model.fleet import FleetRecord
from fairlead_controller.model.node import Node
from fairlead_controller.ports import Ahead
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Assignment
from fairlead_wire.errors import Missing


@dataclass(frozen=True)
class _Stored:
    fleet: FleetRecord
    nodes: tuple[Node, ...]
    assignments: Mapping[str, Assignment]


def _stored(repositories: Repositories) -> _Stored:
    fleet = repositories.fleets.get()
    if fleet is None:
        raise Missing("This controller has no fleet yet.", "Run `fairlead-controller init` on its machine.")
    nodes = tuple(node for node in repositories.nodes.all() if not node.revoked)
    return _Stored(fleet, nodes, {node.id: repositories.assignments.get(node.id) for node in nodes})


class FleetService(fleet_pb2_grpc.FleetServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetFleet(self, request: fleet_pb2.GetFleetRequest, context: Any) -> fleet_pb2.GetFleetResponse:
        stored = await self._parts.store.read(_stored)
        return fleet_pb2.GetFleetResponse(fleet=self._message(stored, self._parts.sessions.ahead()))

    async def ConfirmFleet(
        self, request: fleet_pb2.ConfirmFleetRequest, context: Any
    ) -> fleet_pb2.ConfirmFleetResponse:
        ahead, now = self._parts.sessions.ahead(), self._parts.clock.now()

        def work(repositories: Repositories) -> tuple[adoption.Confirmed, _Stored]:
            confirmed = adoption.confirm(repositories, ahead)
            if confirmed.changed:
                audit.record(repositories, now, "fleet-confirmed", _sentence(confirmed))
            return confirmed, _stored(repositories)

        confirmed, stored = await audit.change(self._parts, work, self._go_on)
        left = {node_id: known for node_id, known in ahead.items() if known.kept is None}
        return fleet_pb2.ConfirmFleetResponse(
            fleet=self._message(stored, left),
            adopted_nodes=[resource_name(NODES, name) for name in confirmed.adopted],
            changed=confirmed.changed,
        )

    async def _go_on(self, done: tuple[adoption.Confirmed, _Stored]) -> None:
        """Agents that may only be observed are looked at anew, and every cluster is planned; also when nothing changed,
        as for who confirms again because the answer was lost."""
        self._parts.sessions.begin_again()
        for cluster in await self._parts.store.read(lambda repositories: repositories.clusters.all()):
            self._parts.reconciler.wake(cluster.name)

    def _message(self, stored: _Stored, ahead: Mapping[str, Ahead]) -> fleet_pb2.Fleet:
        fleet, known = stored.fleet, {node.id for node in stored.nodes}
        return fleet_pb2.Fleet(
            id=fleet.id,
            generation=fleet.generation,
            enrolment_endpoint=fleet.enrolment_endpoint,
            fleet_endpoint=fleet.fleet_endpoint,
            create_time=timestamp(fleet.created_at),
            restore_time=timestamp(fleet.restored_at),
            nodes=len(known),
            connected_nodes=len(known & self._parts.sessions.connected()),
            ahead_nodes=list(_ahead_nodes(stored, ahead)),
        )


def _ahead_nodes(stored: _Stored, ahead: Mapping[str, Ahead]) -> Iterator[fleet_pb2.AheadNode]:
    for node in stored.nodes:
        if (known := ahead.get(node.id)) is None:
            continue
        newest, kept = stored.assignments[node.id], known.kept
        yield fleet_pb2.AheadNode(
            node=resource_name(NODES, node.name),
            reason=known.reason,
            held_cluster=resource_name(CLUSTERS, kept.cluster if kept else ""),
            held_revision=kept.revision if kept else 0,
            stored_cluster=resource_name(CLUSTERS, newest.cluster),
            stored_revision=newest.revision,
            differences=adoption.differences(kept, newest) if kept else (),
            told=kept is not None,
        )


def _sentence(confirmed: adoption.Confirmed) -> str:
    taken = f" Taken over with what they hold: {', '.join(confirmed.adopted)}." if confirmed.adopted else ""
    return f"The database was confirmed: it may command again.{taken}"

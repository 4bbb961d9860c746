"""SnapshotService: snapshots of a cluster's etcd, made and kept by the agents of its control planes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.agent.v1 import session_pb2
from fairlead.agent.v1 import snapshots_pb2 as agent_pb2
from fairlead.api.v1 import snapshots_pb2, snapshots_pb2_grpc
from fairlead_controller.api import audit
from fairlead_controller.api.cluster_view import members
from fairlead_controller.api.messages import timestamp
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import CLUSTERS, NODES, SNAPSHOTS, missing, name_in, resource_name
from fairlead_controller.model.node import Node, NodeRole
from fairlead_controller.plan import catalogue, paths
from fairlead_controller.plan.seen import task_seen
from fairlead_wire.codec import from_message
from fairlead_wire.errors import FairleadError, Unreachable
from fairlead_wire.snapshots import KEPT, RELAY_TARGET, Snapshot, cluster_of, snapshot_name

# A database of etcd has at most 8 GiB; a slow disk writes that in minutes.
CREATE_SECONDS = 600.0
LIST_SECONDS = 10.0
OPEN_SECONDS = 15.0
TRY_AGAIN = "See `fairlead node ls`, and try again once its agent is back."


@dataclass(frozen=True)
class _Found:
    """A snapshot and the node that it lies on."""

    node: Node
    snapshot: Snapshot


class SnapshotService(snapshots_pb2_grpc.SnapshotServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def CreateSnapshot(
        self, request: snapshots_pb2.CreateSnapshotRequest, context: Any
    ) -> snapshots_pb2.CreateSnapshotResponse:
        """By the first control plane that can; those whose etcd is healthy are asked first."""
        cluster = name_in(CLUSTERS, request.cluster, "cluster")
        name = snapshot_name(cluster, self._parts.clock.now())
        instruction = session_pb2.Instruction(create_snapshot=agent_pb2.CreateSnapshot(name=name, keep=KEPT))
        failure: FairleadError = Unreachable(f"No control plane of cluster {cluster} is connected now.", TRY_AGAIN)
        for node in await self._connected(cluster):
            try:
                [made] = await self._snapshots(node, instruction, CREATE_SECONDS)
            except FairleadError as error:
                failure = error
                continue
            said = f"The snapshot {made.name} of etcd was made on {node.name}, at revision {made.revision}."
            await self._record("snapshot-created", said, cluster, node)
            return snapshots_pb2.CreateSnapshotResponse(snapshot=_message(_Found(node, made)))
        raise failure

    async def ListSnapshots(
        self, request: snapshots_pb2.ListSnapshotsRequest, context: Any
    ) -> snapshots_pb2.ListSnapshotsResponse:
        cluster = name_in(CLUSTERS, request.cluster, "cluster")
        found, away = await self._all(cluster)
        return snapshots_pb2.ListSnapshotsResponse(
            snapshots=[_message(item) for item in found],
            unreachable_nodes=[resource_name(NODES, name) for name in away],
        )

    async def ExportSnapshot(
        self, request: snapshots_pb2.ExportSnapshotRequest, context: Any
    ) -> AsyncIterator[snapshots_pb2.ExportSnapshotResponse]:
        name = name_in(SNAPSHOTS, request.name)
        cluster = cluster_of(name)
        if not cluster:
            raise missing(SNAPSHOTS, name)
        found, _ = await self._all(cluster)
        chosen = next((item for item in found if item.snapshot.name == name), None)
        if chosen is None:
            raise missing(SNAPSHOTS, name)
        pipe = await self._parts.relays.open(chosen.node.id, f"{RELAY_TARGET}{name}", OPEN_SECONDS)
        try:
            said = f"The snapshot {name} of etcd was exported from {chosen.node.name}."
            await self._record("snapshot-exported", said, cluster, chosen.node)
            yield snapshots_pb2.ExportSnapshotResponse(snapshot=_message(chosen))
            await pipe.finish()
            while data := await pipe.read():
                yield snapshots_pb2.ExportSnapshotResponse(data=data)
        finally:
            await pipe.close()

    async def _all(self, cluster: str) -> tuple[list[_Found], list[str]]:
        """Snapshots on all control planes, newest first, and the names of those that could not be asked."""
        nodes = await self._control_planes(cluster)
        answers = await asyncio.gather(*(self._listed(node) for node in nodes))
        away = [node.name for node, answer in zip(nodes, answers, strict=True) if answer is None]
        found = [item for answer in answers for item in answer or ()]
        return sorted(found, key=lambda item: (item.snapshot.created_ms, item.snapshot.name), reverse=True), away

    async def _listed(self, node: Node) -> list[_Found] | None:
        instruction = session_pb2.Instruction(list_snapshots=agent_pb2.ListSnapshots())
        try:
            return [_Found(node, made) for made in await self._snapshots(node, instruction, LIST_SECONDS)]
        except FairleadError:
            return None

    async def _snapshots(self, node: Node, instruction: session_pb2.Instruction, timeout: float) -> list[Snapshot]:
        result = await self._parts.instructions.carry_out(node.id, instruction, timeout)
        return [from_message(made, Snapshot) for made in result.snapshots.snapshots]

    async def _connected(self, cluster: str) -> Sequence[Node]:
        connected = self._parts.sessions.connected()
        return [node for node in await self._control_planes(cluster) if node.id in connected]

    async def _control_planes(self, cluster: str) -> Sequence[Node]:
        """Those whose etcd is healthy first. Raises Missing."""
        known = await self._parts.store.read(lambda repositories: repositories.clusters.get(cluster))
        if known is None:
            raise missing(CLUSTERS, cluster)
        snapshot = await self._parts.reconciler.snapshot(known)

        def ill(node: Node) -> bool:
            held = snapshot.held.get(node.id)
            etcd = held.task(catalogue.ETCD) if held else None
            return etcd is None or not task_seen(snapshot.observed_on(node.id), etcd).well

        nodes = [node for claim, node in members(snapshot) if claim.role is NodeRole.CONTROL_PLANE]
        return sorted(nodes, key=lambda node: (ill(node), node.name))

    async def _record(self, kind: str, said: str, cluster: str, node: Node) -> None:
        at = self._parts.clock.now()
        await audit.change(
            self._parts, lambda repositories: audit.record(repositories, at, kind, said, cluster, node.name)
        )


def _message(found: _Found) -> snapshots_pb2.Snapshot:
    made = found.snapshot
    return snapshots_pb2.Snapshot(
        name=resource_name(SNAPSHOTS, made.name),
        cluster=resource_name(CLUSTERS, cluster_of(made.name)),
        node=resource_name(NODES, found.node.name),
        path=f"{paths.ETCD_SNAPSHOTS}/{made.name}.db",
        sha256=made.sha256,
        hash=made.hash,
        revision=made.revision,
        keys=made.keys,
        size_bytes=made.size_bytes,
        create_time=timestamp(made.created_ms / 1000),
        etcd_version=made.etcd_version,
    )

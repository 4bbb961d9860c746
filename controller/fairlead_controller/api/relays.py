"""RelayService: byte streams to a cluster's apiserver, over the connection that a control plane's agent opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fairlead.api.v1 import relays_pb2, relays_pb2_grpc
from fairlead_controller.api import audit
from fairlead_controller.api.cluster_view import members
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import CLUSTERS, missing, name_in
from fairlead_controller.model.node import Node, NodeRole
from fairlead_controller.ports import RelayPipe
from fairlead_wire.errors import Invalid, Unreachable

OPEN_SECONDS = 15.0
TARGET = "apiserver"


class RelayService(relays_pb2_grpc.RelayServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def OpenRelay(
        self, requests: AsyncIterator[relays_pb2.OpenRelayRequest], context: Any
    ) -> AsyncIterator[relays_pb2.OpenRelayResponse]:
        cluster = await _target(requests)
        pipe = await self._open(cluster)
        upwards = asyncio.create_task(_carry(requests, pipe))
        try:
            yield relays_pb2.OpenRelayResponse()
            while data := await pipe.read():
                yield relays_pb2.OpenRelayResponse(data=data)
        finally:
            upwards.cancel()
            await pipe.close()
            await asyncio.gather(upwards, return_exceptions=True)  # what it failed with, reading failed with too

    async def _open(self, cluster: str) -> RelayPipe:
        """Tries the reachable control planes in turn. Raises Unreachable when none lets us in."""
        failure = f"No control plane of cluster {cluster} is reachable now."
        for node in await self._candidates(cluster):
            try:
                pipe = await self._parts.relays.open(node.id, TARGET, OPEN_SECONDS)
            except Unreachable as error:
                failure = error.message
                continue
            try:
                await self._record(cluster, node)
            except BaseException:
                await pipe.close()
                raise
            return pipe
        raise Unreachable(failure, "See `fairlead node ls`, and try again once its agent is back.")

    async def _candidates(self, cluster: str) -> list[Node]:
        known = await self._parts.store.read(lambda repositories: repositories.clusters.get(cluster))
        if known is None:
            raise missing(CLUSTERS, cluster)
        snapshot = await self._parts.reconciler.snapshot(known)
        reachable = self._parts.sessions.connected()
        return [
            node for claim, node in members(snapshot) if claim.role is NodeRole.CONTROL_PLANE and node.id in reachable
        ]

    async def _record(self, cluster: str, node: Node) -> None:
        said, at = f"A relay to the apiserver of cluster {cluster} was opened.", self._parts.clock.now()
        await audit.change(
            self._parts,
            lambda repositories: audit.record(repositories, at, "relay-opened", said, cluster, node.name),
        )


async def _target(requests: AsyncIterator[relays_pb2.OpenRelayRequest]) -> str:
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("frame") != "target":
        raise Invalid("The first frame of a relay says where it leads.", "Send the target first, then data.")
    return name_in(CLUSTERS, first.target.cluster, "target.cluster")


async def _carry(requests: AsyncIterator[relays_pb2.OpenRelayRequest], pipe: RelayPipe) -> None:
    async for request in requests:
        await pipe.write(request.data)
    await pipe.finish()

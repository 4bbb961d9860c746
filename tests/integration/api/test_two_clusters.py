"""Two clusters on one fleet: no node is ever in both, however close together they ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.operations_pb2_grpc import OperationServiceStub
from fairlead_testing.api_server import obedient_agent
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.errors import Refused
from fairlead_wire.status import from_rpc_error

RUNNING, SUCCEEDED = operations_pb2.OPERATION_STATE_RUNNING, operations_pb2.OPERATION_STATE_SUCCEEDED
NAMES = ("blue", "red")
ANY_WORKERS = "  workers: {match: {pool: any}}\n"


def spec(name: str, workers: str = "") -> str:
    head = f"apiVersion: fairlead/v1\nkind: Cluster\nmetadata: {{name: {name}}}\n"
    return f"{head}spec:\n  kubernetes: v1.37.2\n{workers}"


class Admin:
    """Calls of an admin."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._clusters, self._operations = ClusterServiceStub(channel), OperationServiceStub(channel)

    async def apply(self, text: str) -> operations_pb2.Operation:
        source = clusters_pb2.ClusterSource(spec_yaml=text, file_name="cluster.yaml")
        answer = await self._clusters.ApplyCluster(clusters_pb2.ApplyClusterRequest(source=source))
        return answer.operation

    async def delete(self, name: str) -> operations_pb2.Operation:
        request = clusters_pb2.DeleteClusterRequest(name=f"clusters/{name}")
        return (await self._clusters.DeleteCluster(request)).operation

    async def watch(self, operation: operations_pb2.Operation) -> AsyncIterator[operations_pb2.Operation]:
        request = operations_pb2.WatchOperationRequest(name=operation.name)
        async with asyncio.timeout(20):
            async for answer in self._operations.WatchOperation(request):
                yield answer.operation

    async def end_of(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        return [each async for each in self.watch(operation)][-1]

    async def settled(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        """Its end, or the moment from which it waits for servers."""
        async for each in self.watch(operation):
            last = each
            if waits_for_servers(each):
                break
        return last


def waits_for_servers(operation: operations_pb2.Operation) -> str:
    return next((step.message for step in operation.steps if step.component == "placement"), "")


@pytest.fixture
def anna(admin: grpc.aio.Channel) -> Admin:
    return Admin(admin)


@pytest.fixture
async def agents() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def enrol(agents: AsyncExitStack, server: FleetServer, count: int, **node: Any) -> None:
    for number in range(1, count + 1):
        address = f"192.0.2.{10 + number}"
        await agents.enter_async_context(obedient_agent(server, f"n{number}", address=address, **node))


def clusters_of_nodes(server: FleetServer) -> dict[str, str]:
    """What each node was told to hold: cluster by node. That it agrees with the claims is checked here."""
    claims = server.store.now(lambda repositories: repositories.claims.all())
    nodes = [claim.node_id for claim in claims]
    assert len(set(nodes)) == len(nodes)
    held = server.store.now(lambda repositories: {node: repositories.assignments.get(node).cluster for node in nodes})
    assert held == {claim.node_id: claim.cluster for claim in claims}
    return held


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_two_clusters_that_ask_at_once_for_every_server(
    server: FleetServer, anna: Admin, agents: AsyncExitStack, count: int
) -> None:
    await enrol(agents, server, count, labels=(("pool", "any"),))
    asked = await asyncio.gather(*(anna.apply(spec(name, ANY_WORKERS)) for name in NAMES), return_exceptions=True)
    begun = [each for each in asked if isinstance(each, operations_pb2.Operation)]
    ended = await asyncio.gather(*(anna.settled(each) for each in begun))
    assert SUCCEEDED in {each.state for each in ended}
    assert all(each.state == SUCCEEDED or "free" in waits_for_servers(each) for each in ended), ended
    assert len(clusters_of_nodes(server)) == count


async def test_a_cluster_gets_the_servers_that_another_gives_up(
    server: FleetServer, anna: Admin, agents: AsyncExitStack
) -> None:
    await enrol(agents, server, 1)
    begun = dict(zip(NAMES, await asyncio.gather(*(anna.apply(spec(name)) for name in NAMES)), strict=True))
    settled = {name: await anna.settled(each) for name, each in begun.items()}
    [winner] = [name for name, each in settled.items() if each.state == SUCCEEDED]
    [loser] = [name for name, each in settled.items() if each.state == RUNNING]
    assert "no enrolled nodes are free" in waits_for_servers(settled[loser])
    await anna.end_of(await anna.delete(winner))
    assert (await anna.end_of(begun[loser])).state == SUCCEEDED
    assert clusters_of_nodes(server) == {"id-n1": loser}


async def test_a_token_for_one_cluster_keeps_its_server_from_the_other(
    server: FleetServer, anna: Admin, agents: AsyncExitStack
) -> None:
    await enrol(agents, server, 2, wanted_cluster="blue", labels=(("pool", "any"),))
    with pytest.raises(grpc.RpcError) as refused:
        await anna.apply(spec("red", ANY_WORKERS))
    error = from_rpc_error(refused.value)
    assert isinstance(error, Refused)
    assert ["no enrolled nodes are free" in problem.what for problem in error.problems] == [True]
    assert (await anna.end_of(await anna.apply(spec("blue", ANY_WORKERS)))).state == SUCCEEDED
    assert clusters_of_nodes(server) == {"id-n1": "blue", "id-n2": "blue"}

"""Two clusters on one fleet: no node is ever in both, however close together they ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.operations_pb2_grpc import OperationServiceStub
from fairlead_controller.model.node import Claim
from fairlead_testing.api_server import obedient_agent, until
from fairlead_testing.fleet_server import FleetServer

SUCCEEDED = operations_pb2.OPERATION_STATE_SUCCEEDED
RUNNING = operations_pb2.OPERATION_STATE_RUNNING


def spec(name: str, workers: str = "") -> str:
    return f"""\
apiVersion: fairlead/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  kubernetes: v1.37.2
{workers}"""


async def apply(channel: grpc.aio.Channel, text: str) -> clusters_pb2.ApplyClusterResponse:
    source = clusters_pb2.ClusterSource(spec_yaml=text, file_name="cluster.yaml")
    return await ClusterServiceStub(channel).ApplyCluster(clusters_pb2.ApplyClusterRequest(source=source))


async def end_of(channel: grpc.aio.Channel, operation: operations_pb2.Operation) -> operations_pb2.Operation:
    """Watches until the controller ends the stream."""
    request = operations_pb2.WatchOperationRequest(name=operation.name)
    async with asyncio.timeout(20):
        async for answer in OperationServiceStub(channel).WatchOperation(request):
            operation = answer.operation
    return operation


def claims(server: FleetServer) -> tuple[Claim, ...]:
    return server.store.now(lambda repositories: repositories.claims.all())


async def fleet(stack: AsyncExitStack, server: FleetServer, count: int, **node: Any) -> None:
    for number in range(1, count + 1):
        address = f"192.0.2.{10 + number}"
        await stack.enter_async_context(obedient_agent(server, f"n{number}", address=address, **node))


@pytest.mark.parametrize("servers", [4, 7])
async def test_two_clusters_that_want_every_server_share_them_out(
    server: FleetServer, admin: grpc.aio.Channel, servers: int
) -> None:
    workers = "  workers: {match: {pool: any}}\n"
    async with AsyncExitStack() as stack:
        await fleet(stack, server, servers, labels=(("pool", "any"),))
        answers = await asyncio.gather(*(apply(admin, spec(name, workers)) for name in ("red", "blue")))
        ended = await asyncio.gather(*(end_of(admin, answer.operation) for answer in answers))
    assert Counter(claim.node_id for claim in claims(server)).most_common(1)[0][1] == 1
    held = {node_id: server.store.now(lambda r, n=node_id: r.assignments.get(n)) for node_id in map(node_of, claims(server))}
    assert {claim.node_id: claim.cluster for claim in claims(server)} == {
        node_id: assignment.cluster for node_id, assignment in held.items()
    }
    assert {claim.cluster for claim in claims(server)} >= {"red"} or {claim.cluster for claim in claims(server)} >= {"blue"}
    assert [operation.state for operation in ended].count(SUCCEEDED) >= 1, ended


def node_of(claim: Claim) -> str:
    return claim.node_id


async def test_of_two_clusters_that_want_the_only_server_one_gets_it_and_the_other_says_why(
    server: FleetServer, admin: grpc.aio.Channel
) -> None:
    async with AsyncExitStack() as stack:
        await fleet(stack, server, 1)
        answers = await asyncio.gather(*(apply(admin, spec(n)) for n in ("red", "blue")), return_exceptions=True)
        for answer in answers:
            if not isinstance(answer, BaseException):
                print(await end_of(admin, answer.operation))
            else:
                print(repr(answer))
        [claim] = claims(server)
    print(claim)
    assert 0

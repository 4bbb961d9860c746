"""Errors cross gRPC with their next step and all their problems."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import nodes_pb2, nodes_pb2_grpc
from fairlead_wire.errors import BY_CODE, FairleadError, Invalid, Problem, Unreachable
from fairlead_wire.status import from_rpc_error, to_status


class Failing(nodes_pb2_grpc.NodeServiceServicer):
    error: FairleadError = FairleadError("")

    async def GetNode(self, request: Any, context: Any) -> nodes_pb2.GetNodeResponse:
        await context.abort_with_status(to_status(self.error))
        raise AssertionError

    ListNodes = GetNode  # type: ignore[assignment]  # not called


@pytest.fixture
async def stub() -> AsyncIterator[Any]:
    server = grpc.aio.server()
    nodes_pb2_grpc.add_NodeServiceServicer_to_server(Failing(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield nodes_pb2_grpc.NodeServiceStub(channel)
    await server.stop(0)


@pytest.mark.parametrize("kind", BY_CODE.values())
async def test_an_error_arrives_as_it_was_raised(kind: type[FairleadError], stub: Any) -> None:
    Failing.error = kind("The node is away.", "Start its agent.", [Problem("lab.yaml:3 spec", "wrong")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetNode(nodes_pb2.GetNodeRequest(), timeout=5)
    received = from_rpc_error(caught.value)
    assert type(received) is kind
    assert str(received) == "The node is away. Start its agent."
    assert received.problems == (Problem("lab.yaml:3 spec", "wrong"),)


async def test_nobody_there_is_unreachable() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await nodes_pb2_grpc.NodeServiceStub(channel).GetNode(nodes_pb2.GetNodeRequest(), timeout=5)
    assert isinstance(from_rpc_error(caught.value), Unreachable)


def test_problems_read_as_one_line_each() -> None:
    assert str(Invalid("Two things are wrong.", problems=[Problem("a:1", "x")]).problems[0]) == "a:1: x"

"""Errors cross gRPC with their next step and all their problems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from fairlead_wire.errors import BY_CODE, FairleadError, Invalid, Problem, Unreachable
from fairlead_wire.status import from_rpc_error, to_status

Call = Callable[..., Awaitable[bytes]]


class Failing:
    error: FairleadError = FairleadError("")


async def fail(request: bytes, context: Any) -> None:
    await context.abort_with_status(to_status(Failing.error))


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    server = grpc.aio.server()
    methods: dict[str, Any] = {"Fail": grpc.unary_unary_rpc_method_handler(fail)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel.unary_unary("/test.Service/Fail")
    await server.stop(0)


@pytest.mark.parametrize("kind", BY_CODE.values())
async def test_an_error_arrives_as_it_was_raised(kind: type[FairleadError], call: Call) -> None:
    Failing.error = kind("The node is away.", "Start its agent.", [Problem("lab.yaml:3 spec", "wrong")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=5)
    received = from_rpc_error(caught.value)
    assert type(received) is kind
    assert str(received) == "The node is away. Start its agent."
    assert received.problems == (Problem("lab.yaml:3 spec", "wrong"),)


async def test_nobody_there_is_unreachable() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        call: Any = channel.unary_unary("/test.Service/Fail")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", timeout=5)
    assert isinstance(from_rpc_error(caught.value), Unreachable)


def test_problems_read_as_one_line_each() -> None:
    assert str(Invalid("Two things are wrong.", problems=[Problem("a:1", "x")]).problems[0]) == "a:1: x"

"""A call that changes something and meets a controller's restart: asked again with the same identifier, or told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.client import Client
from fairlead_cli.contexts import Context
from fairlead_wire.errors import FairleadError, Refused, Unreachable
from fairlead_wire.status import to_status

BROKEN = ("recvmsg:Connection reset by peer", grpc.StatusCode.UNAVAILABLE)
AWAY = ("failed to connect to all addresses; last error: Connection refused", grpc.StatusCode.UNAVAILABLE)
CONTEXT = Context("lab", "192.0.2.1:7071", "fleet", "authority", "certificate", "key")


def failure(details: str, code: grpc.StatusCode) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), details)


def refusal(error: FairleadError) -> AioRpcError:
    status = to_status(error)
    return AioRpcError(status.code, Metadata(), Metadata(*status.trailing_metadata), status.details)


def method(*ends: AioRpcError) -> tuple[Callable[..., Awaitable[str]], list[str]]:
    """A method that fails so, one call after the other, and then answers; the identifiers that it was called with."""
    left, seen = list(ends), []

    async def called(request: Any, timeout: float) -> str:
        seen.append(request.request_id)
        if left:
            raise left.pop(0)
        return "accepted"

    return called, seen


async def asked(called: Callable[..., Awaitable[str]]) -> str:
    async def at_once(seconds: float) -> None:
        assert seconds > 0

    async with grpc.aio.insecure_channel("192.0.2.1:1") as channel:
        request = clusters_pb2.ApplyClusterRequest(request_id="one")
        return await Client(CONTEXT, channel).call_again(called, request, rest=at_once)


async def test_a_controller_that_ends_in_the_middle_is_asked_again_with_the_same_identifier() -> None:
    called, seen = method(failure(*BROKEN), failure(*AWAY), failure(*AWAY))
    assert await asked(called) == "accepted"
    assert seen == ["one"] * 4


async def test_where_nobody_answers_from_the_start_that_is_told_at_once() -> None:
    called, seen = method(failure(*AWAY))
    with pytest.raises(Unreachable, match="No controller answers"):
        await asked(called)
    assert len(seen) == 1


@pytest.mark.parametrize("error", [Refused("Another change is under way.", "Wait."), Unreachable("No node.", "Look.")])
async def test_what_the_controller_itself_says_is_not_asked_again(error: FairleadError) -> None:
    called, seen = method(refusal(error))
    with pytest.raises(type(error), match=error.message):
        await asked(called)
    assert len(seen) == 1

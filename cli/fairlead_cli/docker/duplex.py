"""A call with requests and answers at the same time, whose other end may say its last word while we still send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import grpc

from fairlead_cli.client import Client
from fairlead_wire.errors import FairleadError

T = TypeVar("T")

_OVERTAKEN = "Internal error from Core"
"""What gRPC says of a call whose request came too late, instead of the status that the other end has sent."""
_SETTLE_SECONDS = 2.0


class Duplex:
    """`call`: a stream-stream call of one of the client's stubs."""

    def __init__(self, client: Client, call: Any) -> None:
        self._client, self._call = client, call
        self._sending, self._settled = asyncio.Lock(), asyncio.Event()
        self._status: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    async def send(self, request: Any) -> bool:
        """Returns once there is room for more; False if the call is over, of which `answers` tells why."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            async with self._sending:
                await self._call.write(request)
            return True
        return False

    async def end(self) -> None:
        """No more requests follow."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await self._call.done_writing()

    async def answers(self) -> AsyncIterator[Any]:
        """Raises FairleadError if the call ended badly."""
        try:
            # Not `read`, which gives up on what has come already as soon as a request came too late.
            async for answer in self._call:
                yield answer
        except grpc.RpcError as error:
            raise await self._failure(error) from None

    def cancel(self) -> None:
        self._call.cancel()

    def _note(self, call: Any) -> None:
        """Called each time gRPC gives the call a status: the other end's own may come first or last."""
        status = _at_once(_status_of(call))
        if status.details() != _OVERTAKEN:
            self._status = status
            self._settled.set()

    async def _failure(self, error: grpc.RpcError) -> FairleadError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._settled.wait()
        return self._client.failure(self._status or error)


async def _status_of(call: Any) -> grpc.aio.AioRpcError:
    first, last = await call.initial_metadata(), await call.trailing_metadata()
    return grpc.aio.AioRpcError(await call.code(), first, last, await call.details())


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of what has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("gRPC calls back before a call has its status")

"""One relay: a RelayPipe for whoever asked, and what serves the agent's stream.

The agent sends the relay's identifier, then an empty frame once the target is connected (or an error), then bytes; it
ends its half of the stream where the target ends. Towards the agent an empty frame says that no more bytes follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from fairlead.agent.v1 import session_pb2 as pb
from fairlead_controller.dispatch.lane import Lane
from fairlead_wire.errors import Unreachable

FRAME_BYTES = 256 * 1024
SEE_LOG = "See the agent's log with `docker logs fairlead-agent` on the node."


class Pipe:
    """Bytes both ways, each direction with an end of its own. `leave` tells the agent that nobody needs it any more."""

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self._leave = leave
        self._up, self._down = Lane(), Lane()
        self._closed = asyncio.Event()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def opened(self) -> None:
        """Returns when the target is connected. Raises Unreachable with the agent's reason if it can't be."""
        await self._opened

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises Unreachable if the relay broke before.

        An agent that dies may look like an end, as with any TCP peer: what is carried knows its own end.
        """
        return await self._up.get()

    async def write(self, data: bytes) -> None:
        """Returns once there is room for `data`. Raises Unreachable when nobody takes it any more."""
        for start in range(0, len(data), FRAME_BYTES):
            await self._down.put(data[start : start + FRAME_BYTES])

    async def finish(self) -> None:
        self._down.end()

    async def close(self) -> None:
        self._closed.set()
        self._stop(None)

    async def carry(self, context: Any) -> None:
        """Serves the agent's stream until both directions have ended or one side closes."""
        # A write that is cancelled while it also carries the metadata would leave the call without a status for ever.
        await context.send_initial_metadata(())
        loop = asyncio.get_running_loop()
        failure = Unreachable("The relay broke: its agent is gone.", SEE_LOG)
        both: asyncio.Future[Any] = asyncio.gather(self._receive(context), self._send(context))
        closed: asyncio.Future[Any] = loop.create_task(self._closed.wait())
        try:
            await asyncio.wait({both, closed}, return_when=asyncio.FIRST_COMPLETED)
            if self._closed.is_set() and not (both.done() and both.exception() is None):
                self._leave()  # what an agent's target does not take stands before the end of the stream
            if both.done():
                both.result()
        except Unreachable as error:
            failure = error
            raise
        finally:
            self._stop(failure)
            both.cancel()
            closed.cancel()
            await asyncio.gather(both, closed, return_exceptions=True)

    async def _receive(self, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            if message.WhichOneof("frame") == "error":
                raise Unreachable(message.error, SEE_LOG)
            self._open()
            if message.data:
                await self._up.put(message.data)
        self._open()
        self._up.end()

    async def _send(self, context: Any) -> None:
        while data := await self._down.get():
            await context.write(pb.RelayResponse(data=data))
        if not self._closed.is_set():
            await context.write(pb.RelayResponse())

    def _open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _stop(self, failure: Unreachable | None) -> None:
        self._up.stop(failure)
        self._down.stop(failure)
        if not self._opened.done():
            if failure is None:
                self._opened.cancel()
            else:
                self._opened.set_exception(failure)

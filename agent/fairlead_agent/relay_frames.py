"""Carries one relay that is a conversation: whole frames both ways, instead of a stream of bytes.

The frames are the same as those of `relay_stream`. A relay that ends or breaks cancels whoever talks over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import grpc

from fairlead.agent.v1 import session_pb2
from fairlead.agent.v1.session_pb2_grpc import RelayServiceStub

MOST_FRAMES = 8
"""How many frames wait here for a slow reader; of 256 KiB at most, so 2 MiB."""


class RelayEnded(Exception):
    """Nobody takes frames any more."""


class RelayFrames:
    """One relay, frame by frame. One reader and one writer."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._came: asyncio.Queue[bytes] = asyncio.Queue(MOST_FRAMES)
        self._no_more = False

    async def read(self) -> bytes:
        """The next frame, empty when no more follow."""
        if self._no_more:
            return b""
        frame = await self._came.get()
        self._no_more = not frame
        return frame

    async def skip(self) -> None:
        """Takes one frame, also after the last."""
        await self._came.get()

    async def write(self, frame: bytes) -> None:
        """Returns once there is room for more. Raises RelayEnded."""
        try:
            await self._stream.write(session_pb2.RelayRequest(data=frame))
        except (grpc.RpcError, asyncio.InvalidStateError):
            raise RelayEnded from None

    async def receive(self) -> None:
        """Returns when the relay has ended."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            while (message := await self._stream.read()) is not grpc.aio.EOF:
                await self._came.put(message.data)


Conversation = Callable[[RelayFrames], Awaitable[None]]
Conversations = Mapping[str, Conversation]
"""By target."""


async def carry(channel: grpc.aio.Channel, relay_id: str, conversation: Conversation) -> None:
    """Returns when all is said and the other side has taken it, or when the relay has ended. Raises grpc.RpcError."""
    stream = RelayServiceStub(channel).Relay()
    frames = RelayFrames(stream)
    receiving = asyncio.create_task(frames.receive())
    talking: asyncio.Task[None] | None = None
    try:
        await stream.write(session_pb2.RelayRequest(relay_id=relay_id))
        await frames.write(b"")  # connected
        talking = asyncio.create_task(_talk(stream, frames, conversation))
        await asyncio.wait((receiving, talking), return_when=asyncio.FIRST_COMPLETED)
        if talking.done():
            talking.result()  # raises
    except RelayEnded:
        pass
    finally:
        tasks = [receiving] if talking is None else [receiving, talking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stream.cancel()


async def _talk(stream: Any, frames: RelayFrames, conversation: Conversation) -> None:
    """Goes on until it is cancelled: what comes after the end must be taken, or the end of the relay is not seen."""
    await conversation(frames)
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        await stream.done_writing()
    while True:
        await frames.skip()

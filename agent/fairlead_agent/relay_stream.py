"""Carries one relay: a stream to the controller, a connection to a target of this node, both ways, with back-pressure.
What is no stream of bytes but a conversation, frame by frame, is in `relay_frames`.

The first frame says which relay it is, an empty one that the target is connected. The controller's empty frame says
that no more bytes follow; the agent's half of the stream ends where the target ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from fairlead.agent.v1 import session_pb2
from fairlead.agent.v1.session_pb2_grpc import RelayServiceStub
from fairlead_agent.effects import HostFailure, RelayTargets

FRAME_BYTES = 256 * 1024
CONNECT_SECONDS = 10.0


async def carry(channel: grpc.aio.Channel, relay_id: str, target: str, targets: RelayTargets) -> None:
    """Returns when both directions have ended. Raises grpc.RpcError, OSError when one breaks."""
    stream = RelayServiceStub(channel).Relay()
    try:
        await stream.write(session_pb2.RelayRequest(relay_id=relay_id))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await targets.connect(target)
        except (HostFailure, OSError) as error:
            await _refuse(stream, str(error) or f"{target} did not answer within {CONNECT_SECONDS:.0f} s")
            return
        try:
            await stream.write(session_pb2.RelayRequest(data=b""))
            async with asyncio.TaskGroup() as both:
                both.create_task(_up(reader, stream))
                both.create_task(_down(stream, writer))
        finally:
            writer.close()
    finally:
        stream.cancel()


async def _refuse(stream: Any, reason: str) -> None:
    await stream.write(session_pb2.RelayRequest(error=reason))
    await stream.done_writing()
    async with asyncio.timeout(CONNECT_SECONDS):
        while await stream.read() is not grpc.aio.EOF:
            pass


async def _up(reader: asyncio.StreamReader, stream: Any) -> None:
    while data := await reader.read(FRAME_BYTES):
        await stream.write(session_pb2.RelayRequest(data=data))
    await stream.done_writing()


async def _down(stream: Any, writer: asyncio.StreamWriter) -> None:
    while (frame := await stream.read()) is not grpc.aio.EOF:
        if not frame.data:
            if writer.can_write_eof():
                writer.write_eof()
            continue
        writer.write(frame.data)
        await writer.drain()

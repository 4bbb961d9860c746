"""Relays over real mutual TLS: bytes both ways, an end for each way, once, for one node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from fairlead.agent.v1 import session_pb2
from fairlead_controller.dispatch.pipe import FRAME_BYTES, Pipe
from fairlead_testing.fake_agent import DEADLINE, FakeAgent, FakeSession
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.errors import Unreachable
from fairlead_wire.facts import Facts

FACTS = Facts("node-1", address="127.0.0.1")


@dataclass
class Bench:
    """A controller with one agent in session."""

    server: FleetServer
    node_id: str
    agent: FakeAgent
    session: FakeSession

    async def offered(self, timeout: float = DEADLINE) -> tuple[asyncio.Task[Pipe], session_pb2.RelayOffer]:
        """Somebody asks for a relay; the offer that the agent sees."""
        opening = asyncio.create_task(self.server.dispatch.relays.open(self.node_id, "apiserver", timeout))
        return opening, (await self.session.receive()).relay_offer

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[tuple[Pipe, Any]]:
        """A connected relay: the pipe, and the agent's stream."""
        opening, offer = await self.offered()
        async with self.agent.relay(offer.relay_id) as call:
            await call.write(session_pb2.RelayRequest(data=b""))
            yield await opening, call


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with running() as server:
        node, credentials = server.node("node-1")
        agent = FakeAgent(server.fleet_endpoint, credentials, FACTS)
        async with agent.session() as session:
            await session.hello(FACTS)
            yield Bench(server, node.id, agent, session)


async def echo(call: Any) -> None:
    """A target that sends back what it gets, and ends when it is told that nothing follows."""
    while (message := await call.read()) is not grpc.aio.EOF and message.data:
        await call.write(session_pb2.RelayRequest(data=message.data))
    await call.done_writing()


async def everything(pipe: Pipe) -> bytes:
    received = bytearray()
    while data := await pipe.read():
        received += data
    return bytes(received)


async def test_bytes_go_both_ways_and_each_way_has_an_end() -> None:
    sent = bytes(range(256)) * 4096 * 3  # 3 MiB: more than both directions may hold
    async with bench() as here, here.relay() as (pipe, call):
        echoing, receiving = asyncio.create_task(echo(call)), asyncio.create_task(everything(pipe))
        await pipe.write(sent)
        await pipe.finish()
        assert await receiving == sent
        await echoing
        assert await call.code() is grpc.StatusCode.OK
        assert await pipe.read() == b"", "the end stays the end"


async def test_the_target_may_speak_after_the_client_has_finished() -> None:
    async with bench() as here, here.relay() as (pipe, call):
        await pipe.finish()
        assert (await call.read()).data == b""
        await call.write(session_pb2.RelayRequest(data=b"late"))
        await call.done_writing()
        assert await everything(pipe) == b"late"


async def test_a_slow_target_slows_the_client() -> None:
    async with bench() as here, here.relay() as (pipe, call):
        flood = asyncio.create_task(pipe.write(bytes(FRAME_BYTES) * 400))
        done, _ = await asyncio.wait({flood}, timeout=0.5)
        assert not done, "100 MiB went nowhere without anybody reading"
        flood.cancel()
        assert len((await call.read()).data) == FRAME_BYTES


async def test_a_relay_may_be_opened_once() -> None:
    async with bench() as here:
        opening, offer = await here.offered()
        async with here.agent.relay(offer.relay_id) as call:
            await call.write(session_pb2.RelayRequest(data=b""))
            await opening
            async with here.agent.relay(offer.relay_id) as again:
                assert await again.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_another_node_may_not_open_it_and_does_not_use_it_up() -> None:
    async with bench() as here:
        opening, offer = await here.offered()
        _, credentials = here.server.node("node-2")
        other = FakeAgent(here.agent.endpoint, credentials, Facts("node-2"))
        async with other.relay(offer.relay_id) as stolen:
            assert await stolen.code() is grpc.StatusCode.PERMISSION_DENIED
        async with here.agent.relay(offer.relay_id) as call:
            await call.write(session_pb2.RelayRequest(data=b""))
            await opening


async def test_why_the_target_could_not_be_reached_is_what_the_client_is_told() -> None:
    async with bench() as here:
        opening, offer = await here.offered()
        async with here.agent.relay(offer.relay_id) as call:
            await call.write(session_pb2.RelayRequest(error="The apiserver of this node does not answer."))
            with pytest.raises(Unreachable, match="does not answer"):
                await opening


async def test_a_node_without_a_session_is_told_at_once() -> None:
    async with running() as server:
        node, _ = server.node("node-1")
        with pytest.raises(Unreachable, match="no session"):
            await server.dispatch.relays.open(node.id, "apiserver", 5)


async def test_an_agent_that_opens_nothing_in_time_is_given_up_and_comes_too_late() -> None:
    async with bench() as here:
        opening, offer = await here.offered(timeout=0.1)
        with pytest.raises(Unreachable, match="opened no relay"):
            await opening
        async with here.agent.relay(offer.relay_id) as late:
            assert await late.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_who_writes_to_a_broken_relay_is_told() -> None:
    async with bench() as here, here.relay() as (pipe, call):
        await call.write(session_pb2.RelayRequest(data=b"half"))
        assert await pipe.read() == b"half"
        flood = asyncio.create_task(pipe.write(bytes(FRAME_BYTES) * 400))
        call.cancel()
        with pytest.raises(Unreachable, match="broke"):
            await flood


async def test_closing_amid_a_flood_ends_the_agents_stream_too() -> None:
    async with bench() as here, here.relay() as (pipe, call):
        flood = asyncio.create_task(pipe.write(bytes(FRAME_BYTES) * 400))
        assert len((await call.read()).data) == FRAME_BYTES
        await pipe.close()
        with pytest.raises(Unreachable, match="closed"):
            await flood
        while await call.read() is not grpc.aio.EOF:
            pass
        assert await call.code() is grpc.StatusCode.OK


async def test_closing_is_told_over_the_session_too() -> None:
    """Behind a flood that an agent does not take, it would never see the end of the stream."""
    async with bench() as here, here.relay() as (pipe, call):
        flood = asyncio.create_task(pipe.write(bytes(FRAME_BYTES) * 400))
        await call.read()
        await pipe.close()
        await asyncio.gather(flood, return_exceptions=True)
        message = await here.session.receive()
        assert message.WhichOneof("message") == "relay_end"


async def test_closing_ends_the_agents_stream() -> None:
    async with bench() as here, here.relay() as (pipe, call):
        await pipe.close()
        assert await call.code() is grpc.StatusCode.OK
        assert await pipe.read() == b""

"""The controller asks a real agent, over real gRPC, what its host is like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.agent.v1 import inspection_pb2, session_pb2
from fairlead_controller.dispatch.inspections import inspected
from fairlead_testing.api_server import idle_agent
from fairlead_testing.connected_agent import ConnectedAgent, connected
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.codec import to_message
from fairlead_wire.errors import Refused, Unreachable
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Inspection, Listener


async def _node_id(server: FleetServer) -> str:
    await server.event("node-connected")
    (node,) = server.store.now(lambda repositories: repositories.nodes.all())
    return node.id


@pytest.mark.parametrize("ahead", [0.0, 3000.0, -3000.0])
async def test_what_the_agent_finds_and_how_its_clock_is(tmp_path: Path, ahead: float) -> None:
    async with (
        running() as server,
        connected(server.enrolment_endpoint, tmp_path, token=server.token(), ahead=ahead) as agent,
    ):
        found = await server.dispatch.inspections.inspect(await _node_id(server), 10)
    assert found.inspection.facts == agent.host.held
    assert abs(found.clock_offset - ahead) <= found.round_trip / 2 + 0.01
    assert 0 <= found.round_trip < 5


async def test_an_agent_that_fails_says_so_and_its_session_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(agent: ConnectedAgent) -> Inspection:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ConnectedAgent, "inspect", broken)
    async with running() as server, connected(server.enrolment_endpoint, tmp_path, token=server.token()):
        node_id = await _node_id(server)
        for _ in range(2):
            with pytest.raises(Refused, match="a fault of ours"):
                await server.dispatch.inspections.inspect(node_id, 10)
        assert len(server.events("node-connected")) == 1


async def test_an_agent_that_is_just_coming_back_is_waited_for() -> None:
    async with running() as server:
        async with idle_agent(server, "web-1") as agent:
            pass
        asking = asyncio.create_task(server.dispatch.inspections.inspect("id-web-1", 10))
        async with agent.session() as session, asyncio.timeout(10):
            await session.hello(agent.facts)
            while not (message := await session.receive()).HasField("instruction"):
                pass
            await session.answer(message.instruction, session_pb2.InstructionResult(error="seen"))
            with pytest.raises(Refused, match="seen"):
                await asking


async def test_nobody_to_ask() -> None:
    async with running() as server:
        with pytest.raises(Unreachable, match="no session"):
            await server.dispatch.inspections.inspect("id-none", 10)


async def test_an_agent_that_does_not_know_the_question_is_not_waited_for_long() -> None:
    async with running() as server, idle_agent(server, "web-1") as agent:
        agent.deaf = True
        with pytest.raises(Unreachable, match="no result within"):
            await server.dispatch.inspections.inspect("id-web-1", 0.1)


def test_the_way_there_and_back_does_not_count() -> None:
    found = Inspection(Facts("web-1"), listeners=(Listener("tcp", "::", 6443),))
    report = inspection_pb2.InspectionReport(
        received_ms=1_010_200, sent_ms=1_013_200, inspection=to_message(found, inspection_pb2.Inspection)
    )
    seen = inspected(report, asked=1_000.0, answered=1_003.4)
    assert seen.inspection == found
    assert seen.clock_offset == pytest.approx(10.0)
    assert seen.round_trip == pytest.approx(0.4)

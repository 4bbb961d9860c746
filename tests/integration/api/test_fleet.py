"""A restored database: it shows and does nothing, until an admin confirms; then what agents hold is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, fleet_pb2, nodes_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.fleet_pb2_grpc import FleetServiceStub
from fairlead.api.v1.nodes_pb2_grpc import NodeServiceStub
from fairlead_testing.api_server import obedient_agent, people, until
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fleet_server import FleetServer
from fairlead_testing.restored import coming_back, restored
from fairlead_testing.stores import MemoryStore
from fairlead_wire.assignment import Assignment

SPEC = "{apiVersion: fairlead/v1, kind: Cluster, metadata: {name: lab}, spec: {kubernetes: v1.37.2%s}}"
OLD, NEWER = SPEC % "", SPEC % ', components: {kube-scheduler: {args: {v: "1"}}}'


@dataclass
class World:
    """A running controller and what people ask of it. `agent`: the one node's."""

    server: FleetServer
    channel: grpc.aio.Channel
    agent: FakeAgent

    async def apply(self, spec: str) -> None:
        """Accepts a spec and waits until it is carried out."""
        done = len(self.server.events("operation-succeeded"))
        await self.accept(spec)
        await until(self.server.feed, "events", lambda: len(self.server.events("operation-succeeded")) > done)

    async def accept(self, spec: str) -> None:
        await self._clusters.ApplyCluster(clusters_pb2.ApplyClusterRequest(source=_source(spec)))

    async def moves(self, spec: str) -> list[clusters_pb2.Move]:
        answer = await self._clusters.PlanCluster(clusters_pb2.PlanClusterRequest(source=_source(spec)))
        return list(answer.moves)

    async def fleet(self) -> fleet_pb2.Fleet:
        stub: Any = FleetServiceStub(self.channel)
        return (await stub.GetFleet(fleet_pb2.GetFleetRequest())).fleet  # type: ignore[no-any-return]

    async def ahead(self) -> fleet_pb2.AheadNode:
        """The one node that is ahead, once its agent has told what it holds."""
        await until(
            self.server.feed, "events", lambda: any(a.kept for a in self.server.dispatch.sessions.ahead().values())
        )
        [node] = (await self.fleet()).ahead_nodes
        return node

    async def confirm(self) -> fleet_pb2.ConfirmFleetResponse:
        stub: Any = FleetServiceStub(self.channel)
        return await stub.ConfirmFleet(fleet_pb2.ConfirmFleetRequest())  # type: ignore[no-any-return]

    async def obeyed(self) -> None:
        """Returns once the node has a session again in which it may be told something."""
        await until(self.server.feed, "events", lambda: bool(self.server.dispatch.sessions.reachable()))

    async def told(self, revision: int) -> None:
        """Returns once the agent holds that revision."""
        async with asyncio.timeout(20):
            while self.agent.held.revision < revision:  # noqa: ASYNC110 - a field tells nobody
                await asyncio.sleep(0.01)

    def stored(self) -> Assignment:
        return self.server.store.now(lambda repositories: repositories.assignments.get("id-lab-1"))

    @property
    def _clusters(self) -> Any:
        return ClusterServiceStub(self.channel)


def _source(spec: str) -> clusters_pb2.ClusterSource:
    return clusters_pb2.ClusterSource(spec_yaml=spec)


@pytest.fixture
async def before(server: FleetServer, admin: grpc.aio.Channel) -> tuple[FleetServer, FakeAgent, MemoryStore]:
    """The first controller; the agent, which holds what the newest spec led to; a backup from before that."""
    async with obedient_agent(server, "lab-1", wanted_cluster="lab") as agent:
        world = World(server, admin, agent)
        await world.apply(OLD)
        backup = server.store.copied()
        await world.apply(NEWER)
    return server, agent, backup


@pytest.fixture
async def world(before: tuple[FleetServer, FakeAgent, MemoryStore]) -> AsyncIterator[World]:
    """The restored controller, with the agent connected."""
    first, agent, backup = before
    async with restored(first, backup) as server, coming_back(server, agent), people(server) as channel:
        yield World(server, channel, agent)


async def test_until_it_is_confirmed_the_plan_is_shown_and_nothing_is_sent(world: World) -> None:
    node, held, stored = await world.ahead(), world.agent.held, world.stored()
    fleet = await world.fleet()
    assert (fleet.generation, fleet.nodes, fleet.connected_nodes) == (2, 1, 1)
    assert fleet.HasField("restore_time")
    assert (node.node, node.told, list(node.differences)) == ("nodes/lab-1", True, ["kube-scheduler"])
    assert node.held_revision > node.stored_revision
    [move] = [move for move in await world.moves(OLD) if move.action == clusters_pb2.MOVE_ACTION_REPLACE]
    assert move.component == "kube-scheduler"
    assert "`fairlead fleet confirm`" in move.waits_for
    await world.accept(NEWER)
    assert (world.agent.held, world.stored()) == (held, stored)
    assert not [event for event in world.server.events("move-begun") if event.id > _restored_at(world)]


async def test_the_node_is_shown_as_connected_all_the_while(world: World) -> None:
    stub: Any = NodeServiceStub(world.channel)
    [node] = (await stub.ListNodes(nodes_pb2.ListNodesRequest())).nodes
    assert node.state == nodes_pb2.NODE_STATE_REACHABLE


async def test_confirmed_with_the_newest_spec_nothing_is_replaced(world: World) -> None:
    held = (await world.ahead()).held_revision
    tasks = {task.component: task.hash for task in world.agent.held.tasks}
    await world.accept(NEWER)
    answer = await world.confirm()
    assert (answer.changed, list(answer.adopted_nodes)) == (True, ["nodes/lab-1"])
    await until(world.server.feed, "events", lambda: bool(_succeeded(world)))
    await world.told(held + 1)
    assert {task.component: task.hash for task in world.agent.held.tasks} == tasks
    assert world.agent.held.removals == ()
    assert world.stored().revision == world.agent.held.revision > held
    fleet = await world.fleet()
    assert not fleet.HasField("restore_time")
    assert list(fleet.ahead_nodes) == []
    event = world.server.events("fleet-confirmed")[0]
    assert (event.principal, "lab-1" in event.message) == ("anna", True)


async def test_confirmed_with_the_old_spec_it_is_gone_back_to_move_by_move(world: World) -> None:
    await world.ahead()
    await world.confirm()
    await world.obeyed()
    await until(world.server.feed, "events", lambda: world.stored().same_content(world.agent.held) and _well(world))
    begun = [event for event in world.server.events("move-begun") if event.id > _restored_at(world)]
    assert "kube-scheduler" in {event.component for event in begun}
    assert world.agent.held.removals == ()
    scheduler = world.agent.held.task("kube-scheduler")
    assert scheduler is not None
    assert "--v=1" not in scheduler.args


async def test_an_agent_that_was_away_is_taken_over_when_it_is_back(
    before: tuple[FleetServer, FakeAgent, MemoryStore],
) -> None:
    first, agent, backup = before
    async with restored(first, backup) as server, people(server) as channel:
        world, held = World(server, channel, agent), agent.held
        assert (await world.confirm()).adopted_nodes == []
        async with coming_back(server, agent):
            node = await world.ahead()
            assert not (await world.fleet()).HasField("restore_time")
            assert (node.told, agent.held) == (True, held)
            [waits] = {move.waits_for for move in await world.moves(OLD)}
            assert "what lab-1 holds" in waits, "it has a session, and an admin is waited for"
            assert "`fairlead fleet confirm`" in waits
            assert (await world.confirm()).adopted_nodes == ["nodes/lab-1"]
            await world.obeyed()


async def test_with_nothing_to_confirm_nothing_is_done(server: FleetServer, admin: grpc.aio.Channel) -> None:
    stub: Any = FleetServiceStub(admin)
    answer = await stub.ConfirmFleet(fleet_pb2.ConfirmFleetRequest())
    assert (answer.changed, answer.fleet.generation) == (False, 1)
    assert server.events("fleet-confirmed") == []


def _restored_at(world: World) -> int:
    return world.server.events("database-restored")[0].id


def _succeeded(world: World) -> list[int]:
    return [event.id for event in world.server.events("operation-succeeded") if event.id > _restored_at(world)]


def _well(world: World) -> bool:
    scheduler = world.stored().task("kube-scheduler")
    return scheduler is not None and "--v=1" not in scheduler.args

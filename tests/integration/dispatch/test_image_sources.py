"""Agents are told where images are to be had: at once, and whenever that changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fairlead.agent.v1 import images_pb2
from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_testing.connected_agent import connected
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fake_fleet_images import FakeFleetImages, fleet_image
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_testing.tasks import assignment, service
from fairlead_wire.assignment import Assignment, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskState

FACTS = Facts("node-1", address="127.0.0.1")
ETCD, API = fleet_image("registry.k8s.io/etcd:3", etcd=10), fleet_image("registry.k8s.io/api:1", api=10)
REGISTRY = "192.0.2.1:7072"


def agent_of(server: FleetServer) -> FakeAgent:
    _, credentials = server.node("node-1")
    return FakeAgent(server.fleet_endpoint, credentials, FACTS)


def images(server: FleetServer) -> FakeFleetImages:
    assert server.told is not None
    return server.told


def told(message: images_pb2.ImageSources) -> tuple[list[str], list[tuple[str, str, str]]]:
    return list(message.registries), [(image.reference, image.digest, image.image_id) for image in message.images]


async def test_after_the_welcome_and_before_anything_is_to_be_done() -> None:
    async with running(FleetServer(told=FakeFleetImages())) as server:
        images(server).open(REGISTRY)
        images(server).has(ETCD, API)
        agent = agent_of(server)
        server.assign("id-node-1", Assignment("lab", "node-1", 1))
        async with agent.session() as session:
            await session.hello(FACTS)
            registries, found = told(await session.image_sources())
            assert (await session.assignment()).results_in == 1
    assert registries == [REGISTRY]
    assert found == [(each.reference, each.digest, each.image_id) for each in (API, ETCD)]


async def test_at_each_change_of_images_and_of_the_registry() -> None:
    async with running(FleetServer(told=FakeFleetImages())) as server, agent_of(server).session() as session:
        await session.hello(FACTS)
        assert told(await session.image_sources()) == ([], [])
        images(server).open(REGISTRY)
        assert told(await session.image_sources()) == ([REGISTRY], [])
        images(server).has(ETCD)
        assert [name for name, _, _ in told(await session.image_sources())[1]] == [ETCD.reference]
        await images(server).delete(ETCD.reference)
        assert told(await session.image_sources()) == ([REGISTRY], [])
        images(server).open("")
        assert told(await session.image_sources()) == ([], [])


async def test_what_is_said_of_registries_outside_of_the_fleet() -> None:
    said = UpstreamRegistry("registry.k8s.io", ("m.example.com",), "robot", "secret")
    async with running(FleetServer(told=FakeFleetImages())) as server, agent_of(server).session() as session:
        await session.hello(FACTS)
        assert not (await session.image_sources()).accesses
        await server.store.write(lambda repositories: repositories.registries.put(said))
        server.dispatch.sessions.images_changed()
        [access] = (await session.image_sources()).accesses
    assert (access.registry, list(access.mirrors)) == ("registry.k8s.io", ["m.example.com"])
    assert (access.username, access.password) == ("robot", "secret")


async def test_an_agent_that_is_only_observed_is_told_too() -> None:
    async with running(FleetServer(told=FakeFleetImages())) as server:
        images(server).open(REGISTRY)
        agent = agent_of(server)
        agent.held = Assignment("lab", "node-1", 7)
        async with agent.session() as session:
            await session.hello(FACTS)
            assert told(await session.image_sources())[0] == [REGISTRY]
            assert (await session.receive()).instruction.HasField("show_assignment")
            assert "id-node-1" in server.dispatch.sessions.ahead()
            images(server).has(ETCD)
            assert len(told(await session.image_sources())[1]) == 1


async def test_many_changes_at_once_are_one_message() -> None:
    async with running(FleetServer(told=FakeFleetImages())) as server, agent_of(server).session() as session:
        await session.hello(FACTS)
        await session.image_sources()
        images(server).open(REGISTRY)
        for number in range(20):
            images(server).has(replace(ETCD, reference=f"a.b/c:{number}"))
        assert len(told(await session.image_sources())[1]) == 20
        await session.heartbeat()


async def test_a_real_agent_gets_a_component_from_there(tmp_path: Path) -> None:
    in_fleet = f"{REGISTRY}/registry.k8s.io/etcd@{ETCD.digest}"
    async with (
        running(FleetServer(told=FakeFleetImages())) as server,
        connected(server.enrolment_endpoint, tmp_path, token=server.token()) as agent,
    ):
        agent.runtime.registry.add(in_fleet)
        agent.runtime.ids[in_fleet] = ETCD.image_id
        images(server).open(REGISTRY)
        images(server).has(ETCD)
        await server.event("node-connected")
        (node,) = server.store.now(lambda repositories: repositories.nodes.all())
        server.assign(node.id, assignment(service("etcd", ETCD.reference, port=2379)))
        while True:
            version = server.feed.version("events")
            seen = server.dispatch.observations.of(node.id).get((Subject.TASK, "etcd"))
            if seen is not None and seen.state is TaskState.HEALTHY:
                break
            await server.feed.changed("events", version)
        assert agent.runtime.images == {ETCD.reference}

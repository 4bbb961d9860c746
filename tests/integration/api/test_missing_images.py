"""What nodes lack for a spec, and bringing it to them: many nodes side by side, some of them dead or slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, images_pb2, images_pb2_grpc
from fairlead_controller.api import missing_images
from fairlead_testing import cluster_caller
from fairlead_testing.api_server import api_running, obedient_agent, people
from fairlead_testing.fake_agent import FakeAgent, everything_well
from fairlead_testing.fake_fleet_images import FakeFleetImages, fleet_image
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.identity import Role

SPEC = f"{cluster_caller.SPEC}  controlPlane: {{nodes: [lab-1]}}\n  workers: {{}}\n"
SOURCE = clusters_pb2.ClusterSource(spec_yaml=SPEC, file_name="cluster.yaml")
KUBELET, PROXY = "docker.io/fairlead/kubelet:v1.37.2", "registry.k8s.io/kube-proxy:v1.37.2"
FETCHING, DONE, FAILED = (
    images_pb2.PREFETCH_STATE_FETCHING,
    images_pb2.PREFETCH_STATE_DONE,
    images_pb2.PREFETCH_STATE_FAILED,
)


@pytest.fixture
async def server() -> AsyncIterator[FleetServer]:
    """One that has the images that a test says."""
    async with api_running(FleetServer(told=FakeFleetImages())) as controller:
        yield controller


def images(server: FleetServer) -> FakeFleetImages:
    assert server.told is not None
    return server.told


def stub(channel: grpc.aio.Channel) -> Any:
    return images_pb2_grpc.ImageServiceStub(channel)


async def find(channel: grpc.aio.Channel) -> images_pb2.FindMissingImagesResponse:
    request = images_pb2.FindMissingImagesRequest(source=SOURCE)
    return await stub(channel).FindMissingImages(request, timeout=20)  # type: ignore[no-any-return]


def prefetch(channel: grpc.aio.Channel) -> Any:
    return stub(channel).PrefetchImages(images_pb2.PrefetchImagesRequest(source=SOURCE), timeout=20)


async def all_of(channel: grpc.aio.Channel) -> list[images_pb2.PrefetchImagesResponse]:
    return [news async for news in prefetch(channel)]


def lab_1(server: FleetServer, **more: Any) -> Any:
    return obedient_agent(server, "lab-1", wanted_cluster="lab", **more)


def lab_2(server: FleetServer, **more: Any) -> Any:
    return obedient_agent(server, "lab-2", wanted_cluster="lab", address="192.0.2.12", **more)


async def test_each_node_is_asked_for_what_it_will_run(server: FleetServer, admin: grpc.aio.Channel) -> None:
    images(server).open("192.0.2.1:7072")
    images(server).has(fleet_image(KUBELET, base=1000, kubelet=50), fleet_image(PROXY, base=1000, proxy=70))
    async with lab_1(server, images=set()), lab_2(server, images={PROXY}):
        found = await find(admin)
    assert not found.unreachable_nodes
    by_node: dict[str, dict[str, images_pb2.MissingImage]] = {"lab-1": {}, "lab-2": {}}
    for image in found.images:
        by_node[image.node][image.reference] = image
    assert len(by_node["lab-1"]) > len(by_node["lab-2"]) > 1
    assert PROXY not in by_node["lab-2"]
    assert (by_node["lab-1"][KUBELET].size_bytes, by_node["lab-1"][PROXY].size_bytes) == (1150, 170), "base counts once"
    assert by_node["lab-2"][KUBELET].size_bytes == 150, "what the node has of it is not sent again"
    assert {name for name, image in by_node["lab-1"].items() if image.in_fleet} == {KUBELET, PROXY}
    assert {image.size_bytes for image in found.images if not image.in_fleet} == {0}


async def test_without_a_registry_sizes_are_known_all_the_same(server: FleetServer, admin: grpc.aio.Channel) -> None:
    images(server).has(fleet_image(KUBELET, kubelet=50))
    async with lab_1(server, images=set()), lab_2(server):
        found = await find(admin)
    kubelet = next(image for image in found.images if image.reference == KUBELET)
    assert (kubelet.size_bytes, kubelet.in_fleet) == (150, False)


async def test_a_node_that_does_not_answer_delays_the_others_by_its_time_alone(
    server: FleetServer, admin: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_images, "FIND_SECONDS", 0.3)
    async with lab_1(server), lab_2(server, images=set()) as worker:
        worker.deaf = True
        found = await find(admin)
        assert (list(found.unreachable_nodes), list(found.images)) == (["lab-2"], [])


async def test_a_node_whose_agent_is_just_being_restarted_is_not_waited_for_long(
    server: FleetServer, admin: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_images, "FIND_SECONDS", 0.3)
    monkeypatch.setattr(missing_images, "ROOM_SECONDS", 0.1)
    async with lab_1(server):
        async with lab_2(server):
            pass
        assert "id-lab-2" in server.dispatch.sessions.connected(), "its heartbeats are still expected"
        began = time.monotonic()
        assert list((await find(admin)).unreachable_nodes) == ["lab-2"]
        assert time.monotonic() - began < 2


async def test_a_node_that_is_away_is_not_waited_for(server: FleetServer, admin: grpc.aio.Channel) -> None:
    async with lab_1(server):
        async with lab_2(server) as gone:
            pass
        server.dispatch.sessions._presence.close()  # its heartbeats were missed
        await server.dispatch.sessions._tell_lost("id-lab-2")
        began = time.monotonic()
        found = await find(admin)
        assert list(found.unreachable_nodes) == ["lab-2"]
        assert time.monotonic() - began < 2
    assert gone.fetched == []


async def test_every_node_gets_its_images_one_at_a_time_and_side_by_side(
    server: FleetServer, admin: grpc.aio.Channel
) -> None:
    async with lab_1(server, images=set()) as first, lab_2(server, images=set()) as second:
        second.gate.clear()
        call, heard = prefetch(admin), list[images_pb2.PrefetchImagesResponse]()
        async for news in call:
            heard.append(news)
            if news.image.node == "lab-1" and first.images == set(first.fetched) and len(heard) > 2:
                second.gate.set()
        assert not (await find(admin)).images
    for node, agent in (("lab-1", first), ("lab-2", second)):
        own = [(news.image.reference, news.state) for news in heard if news.image.node == node]
        assert own == [(name, state) for name in agent.fetched for state in (FETCHING, DONE)]
        assert len(agent.fetched) == len(set(agent.fetched)) > 1
    [event] = server.events("images-prefetched")
    assert (event.principal, event.cluster) == ("anna", "lab")


async def test_what_can_not_be_had_is_told_and_the_rest_comes(server: FleetServer, admin: grpc.aio.Channel) -> None:
    async with lab_1(server), lab_2(server, images=set()) as worker:
        worker.unfetchable = {KUBELET: "The fleet's registry does not answer."}
        heard = await all_of(admin)
        [failed] = [news for news in heard if news.state == FAILED]
        assert (failed.image.node, failed.image.reference) == ("lab-2", KUBELET)
        assert failed.message == "The fleet's registry does not answer."
        assert [image.reference for image in (await find(admin)).images] == [KUBELET]


async def test_a_node_that_can_not_be_asked_is_told_once(
    server: FleetServer, admin: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_images, "FIND_SECONDS", 0.3)
    async with lab_1(server, images=set()) as first, lab_2(server) as worker:
        worker.deaf = True
        heard = await all_of(admin)
    [failed] = [news for news in heard if news.image.node == "lab-2"]
    assert (failed.state, failed.image.reference) == (FAILED, "")
    assert "no result" in failed.message
    assert len(heard) == 1 + 2 * len(first.fetched)


async def test_a_node_that_goes_away_in_the_middle_is_not_waited_for_again_and_again(
    server: FleetServer, admin: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_images, "FETCH_SECONDS", 0.3)
    async with lab_1(server), lab_2(server, images=set()) as worker:
        worker.gate.clear()
        heard = [news for news in await all_of(admin) if news.image.node == "lab-2"]
    assert [news.state for news in heard[:2]] == [FETCHING, FAILED]
    assert {news.state for news in heard[1:]} == {FAILED}
    assert len(heard) > 2
    assert worker.fetched == [heard[0].image.reference]


async def test_an_agent_that_is_restarted_in_the_middle_is_asked_once_more(
    server: FleetServer, admin: grpc.aio.Channel
) -> None:
    async with lab_1(server), lab_2(server, images=set()) as worker:
        worker.gate.clear()
        call = prefetch(admin)
        first = (await call.read()).image.reference
        await until_fetched(worker, first)
        again = asyncio.create_task(worker.obey(everything_well))
        await until_fetched(worker, first, first)
        worker.gate.set()
        states = set()
        while (news := await call.read()) is not grpc.aio.EOF:
            states.add(news.state)
        again.cancel()
        await asyncio.wait([again])
    assert states == {FETCHING, DONE}


async def test_a_client_that_leaves_ends_the_rest(server: FleetServer, admin: grpc.aio.Channel) -> None:
    async with lab_1(server), lab_2(server, images=set()) as worker:
        worker.gate.clear()
        call = prefetch(admin)
        assert (await call.read()).state == FETCHING
        call.cancel()
        await nothing_is_asked(server)
        worker.gate.set()
        await answered(server, worker)
    assert len(worker.fetched) == 1


async def until_fetched(agent: FakeAgent, *references: str) -> None:
    async with asyncio.timeout(10):
        while agent.fetched != list(references):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def nothing_is_asked(server: FleetServer) -> None:
    """Returns once no instruction is under way."""
    session = server.dispatch.sessions.session("id-lab-2")
    assert session is not None
    async with asyncio.timeout(10):
        while session._instructed:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def answered(server: FleetServer, agent: FakeAgent) -> None:
    """Returns once the agent has answered what it was asked before."""
    await server.dispatch.inspections.inspect("id-lab-2", 10)


@pytest.mark.parametrize(("role", "finds"), [(Role.OPERATOR, True), (Role.VIEWER, False)])
async def test_operators_may_look_and_admins_bring(server: FleetServer, role: Role, finds: bool) -> None:
    async with lab_1(server, images=set()) as first, lab_2(server), people(server, role) as channel:
        with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
            await all_of(channel)
        if finds:
            assert (await find(channel)).images
        assert first.fetched == []


async def test_bad_specs_and_fleets_that_are_too_small_are_refused(
    server: FleetServer, admin: grpc.aio.Channel
) -> None:
    with pytest.raises(grpc.RpcError, match="FAILED_PRECONDITION"):
        await find(admin)
    bad = clusters_pb2.ClusterSource(spec_yaml="kind: Nothing", file_name="cluster.yaml")
    for call in (
        stub(admin).FindMissingImages(images_pb2.FindMissingImagesRequest(source=bad), timeout=20),
        stub(admin).PrefetchImages(images_pb2.PrefetchImagesRequest(source=bad), timeout=20).read(),
    ):
        with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT"):
            await call
    assert not server.events("images-prefetched")

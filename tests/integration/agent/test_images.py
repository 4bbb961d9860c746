"""What a controller tells and asks of images, over real gRPC, down to an agent's Docker and disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fairlead.agent.v1 import images_pb2
from fairlead_agent.identity_store import IdentityStore
from fairlead_testing.connected_agent import ConnectedAgent, connected
from fairlead_testing.fake_controller import FakeController, running
from fairlead_testing.fake_host import FakePolicy
from fairlead_testing.tasks import assignment, service
from fairlead_wire.assignment import Subject
from fairlead_wire.task import TaskState

IMAGE = "registry.k8s.io/etcd:3.7.3-0"
ETCD = service("etcd", IMAGE, port=2379)
DIGEST, IMAGE_ID = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
REGISTRY = "192.0.2.1:7072"
IN_FLEET = f"{REGISTRY}/registry.k8s.io/etcd@{DIGEST}"
FOLDER = f"/etc/docker/certs.d/{REGISTRY}"
SOURCES = images_pb2.ImageSources(
    registries=[REGISTRY], images=[images_pb2.FleetImage(reference=IMAGE, digest=DIGEST, image_id=IMAGE_ID)]
)
DAY = 86_400


def fleet_serves(agent: ConnectedAgent) -> None:
    agent.runtime.registry.add(IN_FLEET)
    agent.runtime.ids[IN_FLEET] = IMAGE_ID


async def until_trusted(agent: ConnectedAgent, trusted: bool = True) -> None:
    async with asyncio.timeout(20):
        while (f"{FOLDER}/client.cert" in agent.host.files) is not trusted:  # noqa: ASYNC110 - a fake tells nobody
            await asyncio.sleep(0.01)


async def test_a_component_starts_from_the_fleets_registry_though_upstream_does_not_answer(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
        fleet_serves(agent)
        (await controller.until_session()).send(image_sources=SOURCES)
        await until_trusted(agent)
        controller.hold(assignment(ETCD))
        await controller.until_state(Subject.TASK, "etcd", TaskState.HEALTHY)
        assert agent.runtime.images == {IMAGE}
        assert f"pull {IMAGE}" not in agent.runtime.calls
        identity = IdentityStore(tmp_path).load()
        assert identity is not None
        assert agent.host.files[f"{FOLDER}/client.key"].content == identity.key.encode()
        assert agent.host.files[f"{FOLDER}/client.key"].mode == 0o600


async def test_docker_knows_a_registry_before_anything_is_fetched_and_forgets_it_when_it_is_gone(
    tmp_path: Path,
) -> None:
    controller = FakeController()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
        session = await controller.until_session()
        session.send(image_sources=SOURCES)
        await until_trusted(agent)
        session.send(image_sources=images_pb2.ImageSources())
        await until_trusted(agent, False)
        assert not [path for path in agent.host.files if path.startswith("/etc/docker")]


async def test_a_registry_that_is_gone_for_a_moment_needs_nothing_written_again(tmp_path: Path) -> None:
    controller = FakeController()
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, token=controller.token(), tidy_seconds=600.0) as agent,
    ):
        session = await controller.until_session()
        session.send(image_sources=SOURCES)
        await until_trusted(agent)
        writes = len(agent.host.calls)
        session.send(image_sources=images_pb2.ImageSources())
        session.send(image_sources=SOURCES)
        assert (await controller.instruct(find_images=images_pb2.FindImages())).error == ""
        assert f"{FOLDER}/client.cert" in agent.host.files
        assert [call for call in agent.host.calls[writes:] if "write_file" in call or "undo" in call] == []


async def test_a_renewed_identity_is_given_to_docker_too(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
            (await controller.until_session()).send(image_sources=SOURCES)
            await until_trusted(agent)
            host, before = agent.host, agent.host.files[f"{FOLDER}/client.cert"].content
        async with connected(controller.enrolment, tmp_path, ahead=20 * DAY, host=host) as agent:
            await controller.until(lambda: controller.calls.get("Renew"))
            agent.ahead = 0.0
            (await controller.until_session(3)).send(image_sources=SOURCES)
            async with asyncio.timeout(20):
                while host.files[f"{FOLDER}/client.cert"].content == before:  # noqa: ASYNC110 - a fake tells nobody
                    await asyncio.sleep(0.01)
            identity = IdentityStore(tmp_path).load()
            assert identity is not None
            assert host.files[f"{FOLDER}/client.cert"].content == identity.chain.encode()


async def test_a_disk_that_takes_no_certificates_is_told_of_and_ends_no_session(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
        agent.host.refusals[f"{FOLDER}/ca.crt"] = "/etc/docker: Read-only file system"
        session = await controller.until_session()
        session.send(image_sources=SOURCES)
        await controller.until(lambda: session.happenings)
        assert session.happenings[-1].kind == "registry-not-trusted"
        assert "Read-only file system" in session.happenings[-1].message
        assert (await controller.instruct(find_images=images_pb2.FindImages())).error == ""
        assert len(controller.sessions) == 1


async def test_what_is_there_is_told_and_what_is_not_is_fetched(tmp_path: Path) -> None:
    controller = FakeController()
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, "a.b/here:1", token=controller.token()) as agent,
    ):
        fleet_serves(agent)
        (await controller.until_session()).send(image_sources=SOURCES)
        asked = images_pb2.FindImages(references=["a.b/here:1", IMAGE])
        assert list((await controller.instruct(find_images=asked)).images.references) == ["a.b/here:1"]
        assert (await controller.instruct(fetch_image=images_pb2.FetchImage(reference=IMAGE))).error == ""
        assert list((await controller.instruct(find_images=asked)).images.references) == ["a.b/here:1", IMAGE]


async def test_why_an_image_can_not_be_had_is_told(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()):
        (await controller.until_session()).send(image_sources=SOURCES)
        result = await controller.instruct(fetch_image=images_pb2.FetchImage(reference=IMAGE))
        assert result.error.startswith(f"The image {IMAGE} can't be had: the fleet's registry {REGISTRY}")


async def test_the_nodes_policy_has_the_last_word(tmp_path: Path) -> None:
    controller = FakeController()
    policy = FakePolicy({IMAGE: "This node's policy does not allow it."})
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, token=controller.token(), policy=policy, fleet_images=False) as agent,
    ):
        fleet_serves(agent)
        (await controller.until_session()).send(image_sources=SOURCES)
        result = await controller.instruct(fetch_image=images_pb2.FetchImage(reference=IMAGE))
        assert result.error == "This node's policy does not allow it."
        policy.refused.clear()
        result = await controller.instruct(fetch_image=images_pb2.FetchImage(reference=IMAGE))
        assert "the registry has no such image" in result.error
        assert f"pull {IN_FLEET}" not in agent.runtime.calls, "the fleet's registries are not for this node"
        assert not [path for path in agent.host.files if path.startswith("/etc/docker")]

"""What only a real Engine can show: what it really made, pulls, and going away in the middle."""

from __future__ import annotations

import asyncio
import gc
import io
import secrets
import tarfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker.api.client import APIClient

from fairlead.agent.v1 import images_pb2
from fairlead_agent.fetching import Fetching
from fairlead_agent.image_sources import KnownSources
from fairlead_agent.runtime.container_spec import container
from fairlead_agent.runtime.docker_engine import DockerEngine
from fairlead_agent.runtime.port import EngineAway, Login, NoSuchImage, RuntimeEvent, RuntimeFailure
from fairlead_testing.doorway import Doorway
from fairlead_testing.engine_image import docker_socket
from fairlead_testing.runtime_bench import Bench
from fairlead_testing.small_registry import SmallRegistry
from fairlead_wire.task import Limits, Mount, Propagation, TaskSpec, Variable

pytestmark = pytest.mark.engine


@pytest.fixture
def client() -> Iterator[APIClient]:
    made = APIClient(f"unix://{docker_socket()}", version="auto", timeout=60)
    yield made
    made.close()


@pytest.fixture
async def engine_bench(engine_image: str) -> AsyncIterator[Bench]:
    engine = DockerEngine(f"unix://{docker_socket()}")
    made = Bench(engine, engine_image)
    yield made
    await made.clean()
    engine.close()


@pytest.fixture
def registry(client: APIClient) -> Iterator[SmallRegistry]:
    made = SmallRegistry(_layer())
    yield made
    made.close()
    with suppress(Exception):
        client.remove_image(made.reference, force=True)


def _layer() -> bytes:
    """A layer that no Engine has yet, or it would not be pulled."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo("content")
        entry.size = 256 * 1024
        archive.addfile(entry, io.BytesIO(secrets.token_bytes(entry.size)))
    return held.getvalue()


async def test_docker_holds_what_the_task_says(engine_bench: Bench, client: APIClient, tmp_path: Path) -> None:
    spec = TaskSpec(
        "etcd",
        engine_bench.image,
        entrypoint=("sh",),
        args=("-c", "cat /data/file"),
        env=(Variable("NAME", "a=b"),),
        mounts=(Mount(str(tmp_path), "/data", read_only=True, propagation=Propagation.SLAVE),),
        host_pid=True,
        limits=Limits(memory_bytes=64 * 1024**2, stop_seconds=33, log_bytes=1024**2, log_files=2),
    )
    name = engine_bench.name("etcd")
    seen = client.inspect_container(await engine_bench.runtime.create(engine_bench.cluster, spec, name))
    config, host = seen["Config"], seen["HostConfig"]
    assert (config["Entrypoint"], config["Cmd"], config["User"]) == (["sh"], ["-c", "cat /data/file"], "0:0")
    assert "NAME=a=b" in config["Env"]
    assert config["StopTimeout"] == 33
    assert (host["NetworkMode"], host["PidMode"], host["Privileged"]) == ("host", "host", False)
    assert host["RestartPolicy"]["Name"] == "always"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": str(1024**2), "max-file": "2"}}
    assert host["Memory"] == 64 * 1024**2
    assert [(m["Source"], m["RW"], m["Propagation"]) for m in seen["Mounts"]] == [(str(tmp_path), False, "rslave")]
    assert container(seen).hash == spec.hash


async def test_a_privileged_task_is_in_the_cgroup_namespace_of_the_host(engine_bench: Bench, client: APIClient) -> None:
    spec = TaskSpec("kubelet", engine_bench.image, entrypoint=("sh",), privileged=True)
    name = engine_bench.name("kubelet")
    seen = client.inspect_container(await engine_bench.runtime.create(engine_bench.cluster, spec, name))
    assert (seen["HostConfig"]["Privileged"], seen["HostConfig"]["CgroupnsMode"]) == (True, "host")


async def test_an_image_is_pulled(engine_bench: Bench, registry: SmallRegistry) -> None:
    assert not await engine_bench.runtime.has_image(registry.reference)
    await engine_bench.runtime.pull(registry.reference)
    assert await engine_bench.runtime.has_image(registry.reference)


async def test_a_pull_that_the_registry_refuses_says_why(engine_bench: Bench, registry: SmallRegistry) -> None:
    registry.blobs.clear()
    with pytest.raises(NoSuchImage, match=r"small:1 could not be pulled: .+"):
        await engine_bench.runtime.pull(registry.reference)


async def test_a_login_goes_with_a_pull_and_stays_nowhere(engine_bench: Bench, registry: SmallRegistry) -> None:
    registry.login = "robot:hunter2-of-the-test"
    with pytest.raises(NoSuchImage, match="could not be pulled"):
        await engine_bench.runtime.pull(registry.reference, Login("robot", "wrong"))
    await engine_bench.runtime.pull(registry.reference, Login("robot", "hunter2-of-the-test"))
    assert await engine_bench.runtime.has_image(registry.reference)
    with pytest.raises(NoSuchImage, match="could not be pulled"):
        await engine_bench.runtime.pull(registry.reference)


async def test_a_cancelled_pull_ends_its_thread(engine_bench: Bench, registry: SmallRegistry) -> None:
    registry.gate.clear()
    pull = asyncio.create_task(engine_bench.runtime.pull(registry.reference))
    assert await asyncio.to_thread(registry.asked.wait, 20)
    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull
    await _thread_gone("docker-pull")
    assert not await engine_bench.runtime.has_image(registry.reference)


async def test_an_image_of_the_fleet_comes_by_its_digest_and_gets_its_upstream_name(
    engine_bench: Bench, registry: SmallRegistry, client: APIClient
) -> None:
    name = engine_bench.image_name("fleet")
    fetching = _fetching(engine_bench, registry, name)
    try:
        await fetching.ensure(name)
        seen = client.inspect_image(name)  # type: ignore[no-untyped-call]
        assert (seen["Id"], seen["RepoTags"]) == (registry.image_id, [name])
        assert not [each for each in seen["RepoDigests"] if registry.address in each], (
            "it is known by its own name alone"
        )
    finally:
        await engine_bench.runtime.forget_image(name)


async def test_a_transfer_that_was_broken_off_is_begun_again_and_ends(
    engine_bench: Bench, registry: SmallRegistry
) -> None:
    name = engine_bench.image_name("broken")
    fetching = _fetching(engine_bench, registry, name)
    registry.gate.clear()
    leaving = asyncio.create_task(fetching.ensure(name))
    assert await asyncio.to_thread(registry.asked.wait, 20)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert not await engine_bench.runtime.has_image(name)
    registry.gate.set()
    try:
        await fetching.ensure(name)
        assert await engine_bench.runtime.image_id(name) == registry.image_id
    finally:
        await engine_bench.runtime.forget_image(name)


async def test_a_corrupted_layer_is_refused_by_its_digest_and_nothing_is_kept(
    engine_bench: Bench, registry: SmallRegistry, client: APIClient
) -> None:
    name = engine_bench.image_name("corrupted")
    fetching = _fetching(engine_bench, registry, name)
    registry.corrupt()
    with pytest.raises(NoSuchImage, match=r"the fleet's registry 127.0.0.1:\d+ says: "):
        await fetching.ensure(name)
    assert not await engine_bench.runtime.has_image(name)
    assert not [image for image in client.images() if image["Id"] == registry.image_id]


def _fetching(bench: Bench, registry: SmallRegistry, reference: str) -> Fetching:
    """For a node whose fleet has the small image under that name."""
    known = KnownSources()
    image = images_pb2.FleetImage(reference=reference, digest=registry.digest, image_id=registry.image_id)
    known.take(images_pb2.ImageSources(registries=[registry.address], images=[image]))
    return Fetching(bench.runtime, known)


async def test_a_command_that_hangs_is_left_after_its_time(engine_bench: Bench) -> None:
    identity = await engine_bench.running("etcd")
    with pytest.raises(RuntimeFailure, match=r"`sleep` did not end within 0.3 s"):
        await engine_bench.runtime.run_inside(identity, ("sleep", "60"), 0.3)
    await _thread_gone("docker-exec")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_events_end_when_the_engine_goes_and_calls_work_when_it_is_back(
    engine_bench: Bench, doorway: Doorway
) -> None:
    engine = DockerEngine(f"unix://{doorway.path}")
    before = await engine.engine()
    events, seen = engine.events(), list[RuntimeEvent]()
    identity = await engine_bench.made("etcd")
    seen.append(await anext(events))
    assert (seen[0].action, seen[0].container_id) == ("create", identity)
    await doorway.shut()
    async with asyncio.timeout(20):
        seen += [event async for event in events]
    with pytest.raises(EngineAway, match="start it on this server"):
        await engine.containers()
    await doorway.open()
    assert await engine.engine() == before
    engine.close()
    gc.collect()  # the docker package leaves the socket of a lost connection to the collector, which warns of it


async def test_an_engine_that_was_never_there(tmp_path: Path) -> None:
    engine = DockerEngine(f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineAway, match="No such file or directory"):
        await engine.engine()
    with pytest.raises(EngineAway):
        await engine.pull(f"127.0.0.1:1/none:{secrets.token_hex(4)}")
    assert [event async for event in engine.events()] == []
    engine.close()


async def test_leaving_the_events_ends_their_thread(engine_bench: Bench) -> None:
    events = engine_bench.runtime.events()
    await engine_bench.made("etcd")
    await _first(events)
    reading = asyncio.create_task(_first(events))
    await engine_bench.ours()
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await _thread_gone("docker-events")


async def _first(events: AsyncIterator[RuntimeEvent]) -> RuntimeEvent:
    return await anext(events)


async def _thread_gone(name: str) -> None:
    """Joins threads of that name, as their sockets are closed by now."""
    threads = [thread for thread in threading.enumerate() if thread.name == name]
    for thread in threads:
        await asyncio.to_thread(thread.join, 20)
        assert not thread.is_alive()

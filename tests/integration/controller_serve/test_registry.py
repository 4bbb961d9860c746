"""The registry beside the controller, as it really is: the CNCF's program on our store."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.v1 import images_pb2, images_pb2_grpc
from fairlead_cli import contexts
from fairlead_cli.client import connect
from fairlead_cli.images.archive import Blob
from fairlead_cli.images.progress import Step, silent
from fairlead_cli.images.upload import Outgoing, Uploaded
from fairlead_cli.images.upload import upload as upload_images
from fairlead_controller.images.manifests import OCI
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.fleet_images import SmallImage, digest_of, small_image
from fairlead_testing.registry_program import ask, registry_program, tls_files
from fairlead_testing.served_controller import ServedController, children_of, has_ended, wait_until
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import Role

LARGE = 128 * 1024 * 1024
REPOSITORY = "registry.k8s.io/etcd"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ServedController]:
    made = ServedController(tmp_path, ("--registry", str(registry_program())))
    yield made
    made.close()


@pytest.fixture
def running(controller: ServedController) -> ServedController:
    controller.start()
    assert controller.says("the registry answers")["at"] == controller.registry
    return controller


@pytest.fixture
def client(running: ServedController, tmp_path: Path) -> Iterator[ssl.SSLContext]:
    with tls_files(tmp_path / "client", running.credentials()) as context:
        yield context


async def push(controller: ServedController, image: SmallImage) -> None:
    async with controller.channel() as channel:
        stub: Any = images_pb2_grpc.ImageServiceStub(channel)
        for digest, content in image.blobs.items():
            await upload(stub, digest, content)
        request = images_pb2.PutFleetImageRequest(reference=f"{REPOSITORY}:1", manifest=image.manifest)
        await stub.PutFleetImage(request, timeout=20)


async def upload(stub: Any, digest: str, content: bytes, sent: int | None = None) -> Any:
    """A blob; with `sent` only so many bytes of it, and the open call."""
    call = stub.UploadBlob(timeout=60)
    head = images_pb2.BlobHead(digest=digest, size_bytes=len(content))
    await call.write(images_pb2.UploadBlobRequest(head=head))
    await call.write(images_pb2.UploadBlobRequest(data=content[:sent]))
    if sent is None:
        await call.done_writing()
        await call
    return call


async def listed(controller: ServedController) -> images_pb2.ListFleetImagesResponse:
    async with controller.channel() as channel:
        stub: Any = images_pb2_grpc.ImageServiceStub(channel)
        found: images_pb2.ListFleetImagesResponse = await stub.ListFleetImages(
            images_pb2.ListFleetImagesRequest(), timeout=20
        )
        return found


async def test_what_was_put_can_be_had_at_once_and_nothing_can_be_changed(
    running: ServedController, client: ssl.SSLContext
) -> None:
    image = small_image(b"one" * 1000)
    at, base = running.registry, f"/v2/{REPOSITORY}"
    assert ask(at, client, "GET", f"{base}/manifests/{image.digest}", accept=OCI)[0] == 404
    await push(running, image)
    assert ask(at, client, "GET", f"{base}/manifests/{image.digest}", accept=OCI) == (200, image.manifest)
    assert ask(at, client, "GET", f"{base}/manifests/1", accept=OCI) == (200, image.manifest)
    for digest, content in image.blobs.items():
        assert ask(at, client, "GET", f"{base}/blobs/{digest}") == (200, content)
    assert json.loads(ask(at, client, "GET", f"{base}/tags/list")[1])["tags"] == ["1"]
    assert (await listed(running)).registry == at
    for method, path in (
        ("PUT", f"/manifests/{image.digest}"),
        ("PUT", "/manifests/2"),
        ("POST", "/blobs/uploads/"),
        ("DELETE", f"/manifests/{image.digest}"),
    ):
        assert ask(at, client, method, base + path, body=image.manifest)[0] in (404, 405), (method, path)
    assert ask(at, client, "GET", f"{base}/manifests/1", accept=OCI) == (200, image.manifest)


async def test_who_has_no_certificate_of_the_fleet_gets_nothing(running: ServedController, tmp_path: Path) -> None:
    mine = running.credentials()
    stranger = FleetAuthority(time.time()).person("anna", Role.ADMIN)
    forged = Credentials(mine.fleet_id, mine.authority, stranger.chain, stranger.key)
    for number, credentials in enumerate((Credentials(mine.fleet_id, mine.authority), forged)):
        with tls_files(tmp_path / str(number), credentials) as context, pytest.raises(OSError):
            ask(running.registry, context, "GET", "/v2/")


def test_its_key_and_configuration_are_nowhere_but_in_memory(running: ServedController) -> None:
    [child] = children_of(running.pid)
    process = Path(f"/proc/{child}")
    words = process.joinpath("cmdline").read_bytes().split(b"\0")
    assert words[:2] == [b"registry", b"serve"]
    environment = process.joinpath("environ").read_bytes().split(b"\0")
    assert [entry for entry in environment if not entry.startswith(b"LC_")] == [b"OTEL_TRACES_EXPORTER=none", b""]
    held = {str(path.readlink()) for path in process.joinpath("fd").iterdir()}
    assert {"/memfd:key (deleted)", "/memfd:configuration (deleted)"} <= held
    assert not [path for path in running.data.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_controller_however_that_ends(running: ServedController, end: signal.Signals) -> None:
    [child] = children_of(running.pid)
    os.kill(running.pid, end)
    wait_until(lambda: has_ended(child))
    assert running.process is not None
    assert running.process.wait(10) == (0 if end is signal.SIGTERM else -signal.SIGKILL)


async def test_it_is_started_again_when_it_ends(running: ServedController, client: ssl.SSLContext) -> None:
    [child] = children_of(running.pid)
    os.kill(child, signal.SIGKILL)
    assert "exit code -9" in running.says("the registry ended")["why"]
    running.says("the registry answers")
    assert ask(running.registry, client, "GET", "/v2/")[0] == 200
    assert (await listed(running)).registry == running.registry


async def test_a_controller_that_is_killed_in_an_upload_leaves_nothing_half(running: ServedController) -> None:
    image, content = small_image(b"one"), bytes(500_000)
    await push(running, image)
    async with running.channel() as channel:
        call = await upload(images_pb2_grpc.ImageServiceStub(channel), digest_of(content), content, 200_000)
        incoming = running.data / "registry" / "incoming"
        await asyncio.to_thread(wait_until, lambda: any(incoming.iterdir()))
        running.kill()
        call.cancel()
    assert any(incoming.iterdir())
    running.start()
    running.says("the registry answers")
    assert not incoming.exists()
    found = await listed(running)
    assert [one.digest for one in found.images] == [image.digest]
    async with running.channel() as channel:
        stub: Any = images_pb2_grpc.ImageServiceStub(channel)
        request = images_pb2.FindMissingBlobsRequest(digests=[digest_of(content)])
        assert list((await stub.FindMissingBlobs(request, timeout=20)).digests) == [digest_of(content)]


def memory(pid: int) -> int:
    """Bytes of a process's memory that are in use."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def large_image(folder: Path) -> Outgoing:
    """With one layer, of zeros."""
    layer = folder / "layer"
    with layer.open("wb") as file:
        file.truncate(LARGE)
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    small = small_image(b"one")
    config, content = next(iter(small.blobs.items()))
    (folder / "config").write_bytes(content)
    blobs = (Blob(config.removeprefix("sha256:"), folder / "config", len(content)), Blob(digest, layer, LARGE))
    manifest = json.loads(small.manifest)
    manifest["layers"] = [{**manifest["layers"][0], "digest": f"sha256:{digest}", "size": LARGE}]
    return Outgoing("large", json.dumps(manifest).encode(), blobs)


async def sent(controller: ServedController, image: Outgoing) -> Uploaded:
    async with connect(contexts.load(controller.folder / "admin.json")) as client:
        return await upload_images(client, [image], Step("push", silent, time.monotonic))


async def test_a_large_blob_passes_through_and_stays_in_nobody_s_memory(
    running: ServedController, tmp_path: Path
) -> None:
    image = large_image(tmp_path)
    await push(running, small_image(b"one"))
    before = memory(running.pid)
    done = await sent(running, image)
    assert (done.blobs, done.size) == (1, LARGE)
    assert memory(running.pid) - before < LARGE / 4


async def test_an_upload_goes_on_through_a_restart_of_the_controller(running: ServedController, tmp_path: Path) -> None:
    sending = asyncio.create_task(sent(running, large_image(tmp_path)))
    incoming = running.data / "registry" / "incoming"
    await asyncio.to_thread(wait_until, lambda: any(path.stat().st_blocks for path in incoming.glob("*")))
    await asyncio.to_thread(running.kill)
    running.start()
    done = await sending
    assert [image.reference for image in done.images] == ["docker.io/library/large:latest"]
    assert [image.reference for image in (await listed(running)).images] == ["docker.io/library/large:latest"]
    assert not any(incoming.iterdir())


def test_a_taken_port_is_told_and_the_controller_goes_on_without(controller: ServedController) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", controller.registry_port))
        taken.listen()
        controller.start()
        controller.says("serving")
        assert "address already in use" in controller.says("registry")["said"]
        controller.says("the registry ended")
    controller.says("the registry answers")
    assert controller.stop() == 0


@pytest.fixture
def without(tmp_path: Path) -> Iterator[ServedController]:
    """A controller on a machine that has no registry's program."""
    made = ServedController(tmp_path, environment={**os.environ, "PATH": str(tmp_path)})
    made.start()
    yield made
    made.close()


async def test_without_a_program_the_controller_says_so_and_keeps_images_all_the_same(
    without: ServedController,
) -> None:
    assert "--registry" in without.says("no registry: nodes get no images from here")["next_step"]
    await push(without, small_image(b"one"))
    found = await listed(without)
    assert (len(found.images), found.registry) == (1, "")


def test_a_program_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    """In a process of its own: `serve` sets up logging for good."""
    program = "import sys; from fairlead_controller.app import run; sys.exit(run())"
    words = ["serve", "--data", str(tmp_path), "--registry", str(tmp_path / "none")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"There is no program" in done.stderr

"""The registry as nodes use it: Docker's own client on a real Engine, with the fleet's certificates in certs.d."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import shutil
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead_controller.images.registry_process import Registry, RegistryProcess
from fairlead_controller.pki.authority import registry_certificate
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.engine_image import root_filesystem
from fairlead_testing.fleet_images import SmallImage, digest_of, new_images, put
from fairlead_testing.registry_program import registry_program
from fairlead_testing.served_controller import free_port
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import key_pem, new_key

pytestmark = pytest.mark.engine

NAME = "docker.io/fairlead/img-contract"
ON_THE_ENGINE = Path("/etc/docker/certs.d")
SECONDS = 60


class Served:
    """A registry that runs beside the test: where, and whose certificates it takes."""

    def __init__(self, folder: Path) -> None:
        self.authority = FleetAuthority(time.time())
        self.host, self.port = bridge_address(), free_port()
        self.at = f"{self.host}:{self.port}"
        self.images = new_images(self.authority.clock, folder / "registry")
        self.registry = Registry(
            registry_program(), self.images.folder, self.host, self.port, self.at, self._credentials
        )

    def _credentials(self) -> Credentials:
        key = new_key()
        stamp, authority = self.authority.stamp(), self.authority
        chain = registry_certificate(authority.record, authority.fleet_id, self.host, key.public_key(), stamp)
        return Credentials(self.authority.fleet_id, self.authority.record.certificate, chain, key_pem(key))


def bridge_address() -> str:
    """This machine's address in Docker's own network: 127.0.0.0/8 would be trusted without TLS."""
    words = ["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=SECONDS).stdout.strip()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    shutil.rmtree(ON_THE_ENGINE / made.at, ignore_errors=True)


def trust(served: Served, with_key: bool = True) -> None:
    """As an agent writes it on its host."""
    folder = ON_THE_ENGINE / served.at
    folder.mkdir(parents=True)
    mine = served.authority.node("id-n1")
    (folder / "ca.crt").write_bytes(mine.authority)
    if with_key:
        (folder / "client.cert").write_bytes(mine.chain)
        (folder / "client.key").write_bytes(mine.key)


async def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, ["docker", *words], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def image(*layers: bytes) -> SmallImage:
    """An image of these layers, tars, the lowest first."""
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}
    settings = {"Cmd": ["/bin/sh"], "Labels": {"made": secrets.token_hex(4)}}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": settings, "rootfs": rootfs}).encode()
    described = [
        {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest_of(content), "size": len(content)}
        for kind, content in (("config.v1+json", config), *(("layer.v1.tar", layer) for layer in layers))
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described[0],
        "layers": described[1:],
    }
    return SmallImage(json.dumps(manifest).encode(), {digest_of(each): each for each in (config, *layers)})


def layer() -> bytes:
    """One that nobody has yet."""
    content, out = secrets.token_bytes(64 * 1024), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(secrets.token_hex(4))
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@asynccontextmanager
async def serving(served: Served) -> AsyncIterator[None]:
    answers = asyncio.Event()
    process = RegistryProcess(served.registry, lambda at: answers.set() if at else None)
    running = asyncio.create_task(process.run())
    try:
        async with asyncio.timeout(SECONDS):
            await answers.wait()
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])
        await served.images.close()


async def test_docker_pulls_by_digest_with_the_fleets_certificates_and_not_without(served: Served) -> None:
    made = image(root_filesystem())
    await put(served.images, f"{NAME}:1", made)
    wanted = f"{served.at}/{NAME}@{made.digest}"
    async with serving(served):
        trust(served, with_key=False)
        refused = await docker("pull", wanted)
        assert refused.returncode == 1
        assert "certificate required" in refused.stderr or "bad certificate" in refused.stderr, refused.stderr
        shutil.rmtree(ON_THE_ENGINE / served.at)
        trust(served)
        pulled = await docker("pull", wanted)
        assert pulled.returncode == 0, pulled.stderr
        shown = json.loads((await docker("image", "inspect", wanted)).stdout)
        assert shown[0]["Id"] in (next(iter(made.blobs)), made.digest)
        assert shown[0]["RepoDigests"] == [wanted]
        await docker("tag", wanted, f"{served.at}/{NAME}:2")
        pushed = await docker("push", f"{served.at}/{NAME}:2")
        assert pushed.returncode == 1
        assert "unsupported" in pushed.stderr.lower() or "not allowed" in pushed.stderr.lower(), pushed.stderr
        await docker("image", "rm", "--force", f"{served.at}/{NAME}:2", wanted)
    assert list(served.images.all()) == [f"{NAME}:1"]


async def test_of_a_second_release_only_the_changed_layers_are_sent(served: Served) -> None:
    base, first, second = layer(), layer(), layer()
    releases = image(base, first), image(base, second)
    for number, release in enumerate(releases):
        await put(served.images, f"{NAME}:{number}", release)
    names = [f"{served.at}/{NAME}@{release.digest}" for release in releases]
    async with serving(served):
        trust(served)
        told = [(await docker("pull", name)).stdout for name in names]
        await docker("image", "rm", "--force", *names)
    done = [[line.partition(": ")[2] for line in text.splitlines() if ": " in line] for text in told]
    assert done[0].count("Pull complete") == 2
    assert (done[1].count("Already exists"), done[1].count("Pull complete")) == (1, 1)

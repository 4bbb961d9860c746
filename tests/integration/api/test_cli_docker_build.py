"""`fairlead docker build` against a running controller and agents whose Docker is a script."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.docker_agent import Calling, docker_agent
from fairlead_wire.errors import Refused

ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"


def builder(contexts: list[bytes], *messages: object) -> Callable[[Calling], Any]:
    async def build(calling: Calling) -> None:
        contexts.append(b"".join([request.data async for request in calling.more]))
        for message in messages:
            await calling.answer(docker_pb2.BuildImageResponse(data=f"{json.dumps(message)}\n".encode()))

    return build


def test_build(beside: ThreadedServer, docker: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HERE", "yes")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "big").write_bytes(os.urandom(700_000))
    contexts: list[bytes] = []
    messages = (
        {"stream": "Step 1/1 : FROM scratch\n"},
        {"aux": {"ID": f"sha256:{ID}"}},
        {"stream": f"Successfully built {ID[:12]}\n"},
    )
    agents = [docker_agent(beside, name, {"BuildImage": builder(contexts, *messages)}) for name in ("lab-1", "lab-2")]
    flags = ("-t", "shop:1", "--build-arg", "A=b=c", "--build-arg", "FROM_HERE", "--target", "x", "--no-cache")
    said = docker("build", "--node", "lab-1", *flags, str(folder))
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "Sending build context to Docker daemon  703kB",
        "Step 1/1 : FROM scratch",
        f"Successfully built {ID[:12]}",
    ]
    target = agents[0].calls[0].first.target
    assert (list(target.tags), dict(target.arguments)) == (["shop:1"], {"A": "b=c", "FROM_HERE": "yes"})
    assert (target.dockerfile, target.target, target.no_cache) == ("Dockerfile", "x", True)
    with tarfile.open(fileobj=io.BytesIO(contexts[0])) as archive:
        assert sorted(archive.getnames()) == ["Dockerfile", "big"]
    said = docker("build", "--all", "-q", str(folder))
    assert sorted(said.out.splitlines()) == [f"lab-1  sha256:{ID}", f"lab-2  sha256:{ID}"]
    assert "lab-2  Step 1/1 : FROM scratch" in docker("build", "--all", str(folder)).out.splitlines()


def test_a_build_that_fails(beside: ThreadedServer, docker: Run, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "big").write_bytes(bytes(8 * 2**20))

    async def refuse(calling: Calling) -> None:
        raise Refused("This node's policy is `docker: read`.", "Ask for `docker: full`.")

    docker_agent(beside, "lab-1", {"BuildImage": refuse})
    said = docker("build", str(tmp_path))
    assert (said.code, said.err.splitlines()[0]) == (1, "Error: lab-1: This node's policy is `docker: read`.")


@pytest.mark.parametrize(
    ("dockerfile", "told"),
    [
        ("# syntax=docker/dockerfile:1\nFROM scratch\n", "Dockerfile:1: `# syntax=docker/dockerfile:1` asks"),
        ("FROM scratch\nRUN a && \\\n  # why\n  b\nRUN --mount=type=cache,target=/c x\n", "Dockerfile:5: RUN --mount"),
        ("FROM scratch\nRUN <<EOF\necho\nEOF\n", "Dockerfile:2: a here-document (<<) after RUN"),
        ("FROM scratch\ncopy --chmod=1 a b\n", "Dockerfile:2: COPY --chmod"),
    ],
)
def test_what_needs_buildkit_is_refused(docker: Run, tmp_path: Path, dockerfile: str, told: str) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile)
    said = docker("build", str(tmp_path))
    assert said.code == 1
    assert said.err.startswith("Error: This Dockerfile needs BuildKit, and nodes build with Docker's classic builder.")
    assert told in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--secret", "id=a", "."), "--secret, --ssh, --platform"),
        (("https://example.com/a.git",), "is no folder on this machine"),
        (("/no/such/folder",), "There is no folder /no/such/folder."),
        (("-f", "/no/such/file", "/tmp"), "There is no Dockerfile /no/such/file."),
        (("-f", "-", "-"), "Standard input can't be the context and the Dockerfile."),
    ],
)
def test_builds_that_can_not_be(docker: Run, arguments: tuple[str, ...], told: str) -> None:
    said = docker("build", *arguments)
    assert said.code == 1
    assert told in said.err

"""The bench that the runtime contract runs on: once with the fake, once with a real Docker Engine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from docker.api.client import APIClient

from fairlead_agent.runtime.docker_engine import DockerEngine
from fairlead_testing.engine_image import docker_socket, root_filesystem
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_testing.runtime_bench import Bench


@pytest.fixture(scope="session")
def engine_image() -> Iterator[str]:
    """The reference of an image on the real Engine, removed afterwards."""
    client = APIClient(f"unix://{docker_socket()}", version="auto", timeout=60)
    repository, tag = "fairlead/contract", secrets.token_hex(4)
    client.import_image_from_data(root_filesystem(), repository=repository, tag=tag)
    yield f"{repository}:{tag}"
    client.remove_image(f"{repository}:{tag}", force=True)
    client.close()


@pytest.fixture(params=["fake", pytest.param("engine", marks=pytest.mark.engine)])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "fake":
        made = Bench(FakeRuntime(), "fairlead/contract:1")
        made.runtime = made.fake = FakeRuntime([made.image], now_ms=lambda: made.now_ms)
        yield made
        return
    engine = DockerEngine(f"unix://{docker_socket()}")
    made = Bench(engine, request.getfixturevalue("engine_image"))
    yield made
    await made.clean()
    engine.close()

"""The bench that the runtime contract runs on: once with the fake, once with a real Docker Engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fairlead_agent.runtime.docker_engine import DockerEngine
from fairlead_testing.doorway import Doorway
from fairlead_testing.engine_image import docker_socket, image_on_the_engine
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_testing.runtime_bench import Bench


@pytest.fixture(scope="session")
def engine_image() -> Iterator[str]:
    """The reference of an image on the real Engine."""
    with image_on_the_engine() as reference:
        yield reference


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


@pytest.fixture
async def doorway(tmp_path: Path) -> AsyncIterator[Doorway]:
    made = Doorway(tmp_path / "docker.sock")
    await made.open()
    yield made
    await made.shut()

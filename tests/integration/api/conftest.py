"""A running controller for each test of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from fairlead_testing.api_server import ThreadedServer, api_running, people, threaded_server
from fairlead_testing.fleet_server import FleetServer


@pytest.fixture
async def server() -> AsyncIterator[FleetServer]:
    async with api_running() as controller:
        yield controller


@pytest.fixture
async def admin(server: FleetServer) -> AsyncIterator[grpc.aio.Channel]:
    """An admin's connection, as anna."""
    async with people(server) as channel:
        yield channel


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedServer]:
    """A controller in a thread of its own, and an admin's context "test" that is the CLI's current one."""
    folder = tmp_path / "config"
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(folder))
    monkeypatch.delenv("FAIRLEAD_CONTEXT", raising=False)
    with threaded_server(folder) as running:
        yield running

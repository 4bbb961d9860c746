"""A running controller for each test of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from fairlead_cli.main import main
from fairlead_testing.api_cli import Run, Said, write_spec
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


@pytest.fixture
def fairlead(beside: ThreadedServer, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the CLI."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return Said(code, written.out, written.err)

    return run


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """cluster.yaml and its zone file, in the current folder."""
    path = write_spec(tmp_path / "work")
    monkeypatch.chdir(path.parent)
    return path


@pytest.fixture
def cluster(beside: ThreadedServer, fairlead: Run, spec: Path) -> str:
    """Cluster lab, ready, on lab-1."""
    beside.agent("lab-1")
    assert fairlead("apply", "-f", "cluster.yaml").code == 0
    return "lab"


@pytest.fixture
def docker(beside: ThreadedServer, capfd: pytest.CaptureFixture[str]) -> Run:
    """Calls `fairlead docker` and catches what goes straight to the descriptors as well."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(("docker", *arguments))
        written = capfd.readouterr()
        return Said(code, written.out, written.err)

    return run

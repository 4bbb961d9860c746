"""`fairlead docker exec`, and commands that stream when somebody goes away in the middle; Docker is a script."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.docker_agent import Calling, docker_agent
from fairlead_testing.docker_answers import NO_SUCH, Attached, Executed, frame, ran, standard_input
from fairlead_testing.typed_terminal import terminal
from fairlead_wire.docker_calls import BLOCK_BYTES

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"


def test_exec_sends_a_file_to_its_end(beside: ThreadedServer, docker: Run, tmp_path: Path) -> None:
    async def count(calling: Calling) -> None:
        await calling.answer(Executed(terminal=False))
        sizes = []
        async for request in calling.more:
            if request.end:
                break
            sizes.append(len(request.data))
        assert max(sizes) <= BLOCK_BYTES
        await calling.answer(Executed(data=frame(1, f"{sum(sizes)}\n".encode())))
        await calling.answer(Executed(exit_code=3))

    agent = docker_agent(beside, "lab-1", {"ExecContainer": count})
    with standard_input(b"x" * 3_000_001, tmp_path / "input"):
        said = docker("exec", "-i", "-e", "A=b c", "shop", "wc", "-c")
    assert (said.code, said.out, said.err) == (3, "3000001\n", "")
    target = agent.calls[0].first.target
    assert (list(target.command), list(target.environment)) == (["wc", "-c"], ["A=b c"])


def test_a_command_that_ends_before_its_input(beside: ThreadedServer, docker: Run, tmp_path: Path) -> None:
    """Its last words arrive although what is still sent comes too late."""
    docker_agent(beside, "lab-1", {"ExecContainer": ran(Executed, frame(1, b"first\n") * 1000, code=5)})
    for _ in range(10):
        with standard_input(b"x" * 3_000_000, tmp_path / "input"):
            said = docker("exec", "-i", "shop", "head", "-1")
        assert (said.code, said.out, said.err) == (5, "first\n" * 1000, "")


def test_exec_on_several_nodes(beside: ThreadedServer, docker: Run) -> None:
    docker_agent(beside, "lab-1", {"ExecContainer": ran(Executed, frame(1, b"one\ntw"), frame(1, b"o\n"))})
    docker_agent(beside, "lab-2", {"ExecContainer": ran(Executed, frame(2, b"bad"), code=2)})
    docker_agent(beside, "lab-3", {"ExecContainer": NO_SUCH})
    said = docker("exec", "--all", "shop", "uptime")
    assert (said.code, said.out) == (1, "lab-1  one\nlab-1  two\n")
    assert sorted(said.err.splitlines()) == [
        "  → See `fairlead docker ps -a`.",
        "Error: lab-3: No such container: none.",
        "lab-2  bad",
    ]
    assert docker("exec", "--all", "-i", "shop", "sh").code == 1


BEGUN = json.dumps({"stream": "begun\n"}).encode() + b"\n"
STREAMS: dict[str, tuple[Any, Any]] = {
    "ExecContainer": (Executed(terminal=False), Executed(data=frame(1, b"begun\n"))),
    "AttachContainer": (Attached(terminal=False), Attached(data=frame(1, b"begun\n"))),
    "PullImage": (docker_pb2.PullImageResponse(), docker_pb2.PullImageResponse(data=BEGUN)),
    "BuildImage": (docker_pb2.BuildImageResponse(), docker_pb2.BuildImageResponse(data=BEGUN)),
}
STREAMING = [
    ("exec", "shop", "tail", "-f", "log"),
    ("run", "shop"),
    ("pull", "shop:1"),
    ("build", "context"),
]


def begun(then: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    """Answers of a Docker that begins with everything, and what follows."""

    async def begin(calling: Calling) -> None:
        for answer in STREAMS[calling.method]:
            await calling.answer(answer)
        await then()

    return {**dict.fromkeys(STREAMS, begin), "CreateContainer": docker_pb2.CreateContainerResponse(id=ID)}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to build, in the current one."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("words", STREAMING)
def test_a_node_that_goes_away_in_the_middle(beside: ThreadedServer, docker: Run, words: tuple[str, ...]) -> None:
    async def cut() -> None:
        raise ConnectionError

    docker_agent(beside, "lab-1", begun(cut))
    said = docker(*words)
    assert said.code == (125 if words[0] == "run" else 1)
    assert "begun\n" in said.out
    assert said.err.startswith("Error: The node lab-1 went away in the middle of the call.")


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("words", STREAMING)
def test_a_controller_that_goes_away_in_the_middle(beside: ThreadedServer, words: tuple[str, ...]) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    docker_agent(beside, "lab-1", begun(hang))
    wire = beside.wire("cut")
    with terminal(FAIRLEAD, "--context", "cut", "docker", *words) as person:
        person.sees(b"begun\r\n")
        beside.do(wire.cut())
        code, shown = person.ends()
    assert code == (125 if words[0] == "run" else 1)
    assert b"No controller answers" in shown


def test_attach_to_what_does_not_run(beside: ThreadedServer, docker: Run) -> None:
    looked = {"Id": ID, "State": {"Running": False}, "Config": {"Tty": False, "OpenStdin": False}}
    inspected = docker_pb2.InspectDockerResponse(json=json.dumps(looked).encode())
    agent = docker_agent(beside, "lab-1", {"InspectDocker": inspected, "AttachContainer": ran(Attached, code=4)})
    said = docker("attach", "shop")
    assert (said.code, said.err.splitlines()[0]) == (1, "Error: lab-1: The container shop does not run.")
    assert docker("start", "-a", "shop").code == 4
    assert agent.calls[-1].first.target.start
    assert docker("start", "-a", "shop", "cache").code == 1

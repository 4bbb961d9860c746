"""`fairlead docker exec|run|attach` with a real terminal on this side, and a scripted process on the other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.docker_agent import Answer, Calling, DockerAgent, docker_agent
from fairlead_testing.typed_terminal import Person, terminal

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"
LEAVE = b"\x10\x11"
Open = Callable[..., AbstractContextManager[Person]]


def shell(answer: Any, typed: list[bytes]) -> Callable[[Calling], Any]:
    """Answers each key with what it was, q with its end."""

    async def talk(calling: Calling) -> None:
        await calling.answer(answer(terminal=True))
        size = calling.first.target.size
        await calling.answer(answer(data=f"{size.rows}x{size.columns}\r\n$ ".encode()))
        async for request in calling.more:
            if request.HasField("size"):
                await calling.answer(answer(data=f"{request.size.rows}x{request.size.columns}\r\n".encode()))
            typed.append(request.data)
            if request.data:
                await calling.answer(answer(data=f"got {request.data.hex()}\r\n".encode()))
            if request.data == b"q":
                await calling.answer(answer(exit_code=7))
                return

    return talk


@pytest.fixture
def typed() -> list[bytes]:
    """What the process was sent."""
    return []


@pytest.fixture
def agent(beside: ThreadedServer, typed: list[bytes]) -> DockerAgent:
    looked = {"Id": ID, "State": {"Running": True}, "Config": {"Tty": True, "OpenStdin": True}}
    answers: dict[str, Answer] = {
        "CreateContainer": docker_pb2.CreateContainerResponse(id=ID),
        "InspectDocker": docker_pb2.InspectDockerResponse(json=json.dumps(looked).encode()),
        "AttachContainer": shell(docker_pb2.AttachContainerResponse, typed),
        "ExecContainer": shell(docker_pb2.ExecContainerResponse, typed),
    }
    return docker_agent(beside, "lab-1", answers)


@pytest.fixture
def person(agent: DockerAgent) -> Iterator[Person]:
    """At the terminal of `exec -it`, which has begun."""
    with terminal(FAIRLEAD, "docker", "exec", "-it", "shop", "sh", rows=30, columns=100) as person:
        before = person.settings()
        person.sees(b"30x100\r\n$ ")
        assert person.is_raw()
        yield person
        person.running.wait(30)
        assert person.settings() == before


def test_keys_go_out_at_once_and_the_exit_code_comes_back(person: Person) -> None:
    for key in (b"a", b"\r", b"\x03", b"\x1a", b"\xc3\xa9"):
        person.types(key)
        person.sees(f"got {key.hex()}\r\n".encode())
    person.types(b"q")
    assert person.ends()[0] == 7


def test_the_process_learns_the_terminals_size(person: Person) -> None:
    person.resizes(50, 132)
    person.sees(b"50x132\r\n")
    person.types(b"q")
    assert person.ends()[0] == 7


def test_ctrl_p_ctrl_q_leaves(person: Person, typed: list[bytes]) -> None:
    person.types(b"a\x10")
    person.sees(b"got 61\r\n")
    person.types(b"b")
    person.sees(b"got 1062\r\n")
    person.types(b"c" + LEAVE)
    code, shown = person.ends()
    assert code == 1
    assert shown.endswith(b"read escape sequence\r\n")
    assert b"\x11" not in b"".join(typed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_settings_come_back_after_a_signal(person: Person, number: signal.Signals) -> None:
    person.kills(number)
    assert person.ends()[0] == 128 + number


@pytest.mark.usefixtures("agent")
def test_the_settings_come_back_when_the_line_is_cut(beside: ThreadedServer) -> None:
    wire = beside.wire("cut")
    with terminal(FAIRLEAD, "--context", "cut", "docker", "exec", "-it", "shop", "sh") as person:
        before = person.settings()
        person.sees(b"$ ")
        assert person.is_raw()
        beside.do(wire.cut())
        code, shown = person.ends()
        assert (code, person.settings()) == (1, before)
        assert b"No controller answers" in shown


@pytest.mark.usefixtures("agent")
def test_run_and_attach() -> None:
    with terminal(FAIRLEAD, "docker", "run", "-it", "shop", "sh") as person:
        person.sees(b"24x80\r\n$ ")
        person.types(LEAVE)
        assert person.ends() == (0, b"")
    with terminal(FAIRLEAD, "docker", "attach", "shop") as person:
        person.sees(b"$ ")
        person.types(LEAVE)
        assert person.ends() == (1, b"read escape sequence\r\n")
    with terminal(FAIRLEAD, "docker", "attach", "shop") as person:
        person.sees(b"$ ")
        person.types(b"q")
        assert person.ends()[0] == 7


@pytest.mark.usefixtures("agent")
def test_a_terminal_over_there_without_one_here() -> None:
    for words in (("run", "-it", "shop", "sh"), ("exec", "-it", "shop", "sh"), ("attach", "shop")):
        done = subprocess.run([FAIRLEAD, "docker", *words], input=b"ls\n", capture_output=True, timeout=30, check=False)
        assert done.returncode in (1, 125)
        assert b"The input device is not a TTY." in done.stderr


def test_ctrl_c_without_a_terminal_stops_what_runs(beside: ThreadedServer) -> None:
    stopping: list[str] = []

    async def attached(calling: Calling) -> None:
        await calling.answer(docker_pb2.AttachContainerResponse(terminal=False))
        await calling.answer(docker_pb2.AttachContainerResponse(data=b"\1\0\0\0\0\0\0\2up"))
        stopped = beside.server.feed.version("stopped")
        while not stopping:
            stopped = await beside.server.feed.changed("stopped", stopped)
        await calling.answer(docker_pb2.AttachContainerResponse(exit_code=143))

    async def stop(calling: Calling) -> None:
        stopping.append(calling.first.container)
        beside.server.feed.publish("stopped")
        await calling.answer(docker_pb2.StopContainerResponse())

    made = docker_pb2.CreateContainerResponse(id=ID)
    docker_agent(beside, "lab-1", {"CreateContainer": made, "AttachContainer": attached, "StopContainer": stop})
    with terminal(FAIRLEAD, "docker", "run", "shop") as person:
        person.sees(b"up")
        assert not person.is_raw()
        person.types(b"\x03")
        assert person.ends()[0] == 143
    assert stopping == [ID]

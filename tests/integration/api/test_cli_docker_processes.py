"""`fairlead docker` as a process of its own: what goes on until somebody stops it, and what comes fast and raw."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.docker_agent import Answer, Calling, docker_agent

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
DEADLINE = 60
MIB = 2**20

pytestmark = pytest.mark.timeout(120)


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    told = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    running = subprocess.Popen(
        [FAIRLEAD, "docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=told
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def interrupted(running: subprocess.Popen[bytes]) -> None:
    """Ctrl-C; checks that it ends as it should."""
    running.send_signal(signal.SIGINT)
    try:
        _, said = running.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGABRT)  # it says where its threads are
        _, said = running.communicate(timeout=DEADLINE)
        raise AssertionError(f"it goes on:\n{said.decode()}") from None
    assert (running.returncode, said) == (130, b"")


def most_memory(pid: int) -> int:
    """KiB that a process had at most, 0 once it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def block(data: bytes) -> docker_pb2.ReadLogsResponse:
    return docker_pb2.ReadLogsResponse(data=data)


async def log_for_ever(calling: Calling) -> None:
    await calling.answer(docker_pb2.ReadLogsResponse(terminal=False))
    await calling.answer(block(frame(1, b"first\n")))
    await asyncio.Event().wait()


async def events_for_ever(calling: Calling) -> None:
    await calling.answer(docker_pb2.WatchDockerEventsResponse(data=b'{"Type":"container","Action":"first"}\n'))
    await asyncio.Event().wait()


async def stats_for_ever(calling: Calling) -> None:
    used = docker_pb2.DockerStats(name="first")
    while True:
        await calling.answer(docker_pb2.WatchStatsResponse(stats=[used]))
        await asyncio.sleep(0.05)


FOLLOWED = [
    ("ReadLogs", log_for_ever, ("logs", "-f", "shop")),
    ("WatchDockerEvents", events_for_ever, ("events",)),
    ("WatchStats", stats_for_ever, ("stats", "--format", "{{.Name}}")),
]


@pytest.mark.parametrize(("method", "answer", "arguments"), FOLLOWED)
def test_ctrl_c_ends_what_follows(
    beside: ThreadedServer, method: str, answer: Answer, arguments: tuple[str, ...]
) -> None:
    docker_agent(beside, "lab-1", {method: answer})
    with process(*arguments) as following:
        assert following.stdout is not None
        assert b"first" in following.stdout.readline()
        interrupted(following)


def test_a_reader_of_figures_that_leaves_ends_them(beside: ThreadedServer) -> None:
    docker_agent(beside, "lab-1", {"WatchStats": stats_for_ever})
    script = f"{FAIRLEAD} docker stats | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=DEADLINE, check=True)
    assert (done.stdout[:12], done.stderr) == (b"CONTAINER ID", b"")


def test_a_reader_that_leaves_is_no_error(beside: ThreadedServer) -> None:
    async def flood(calling: Calling) -> None:
        await calling.answer(docker_pb2.ReadLogsResponse(terminal=True))
        while True:
            await calling.answer(block(b"line\n" * 10_000))

    docker_agent(beside, "lab-1", {"ReadLogs": flood})
    script = f"{FAIRLEAD} docker logs -f shop | head -n 2"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=DEADLINE, check=True)
    assert (done.stdout, done.stderr) == (b"line\nline\n", b"")


def test_bytes_that_are_no_text_come_as_they_are(beside: ThreadedServer) -> None:
    garbage = bytes(range(256)) * 10
    answers = [docker_pb2.ReadLogsResponse(terminal=False), block(frame(1, garbage) + frame(2, garbage[::-1]))]
    docker_agent(beside, "lab-1", {"ReadLogs": answers})
    done = subprocess.run([FAIRLEAD, "docker", "logs", "shop"], capture_output=True, timeout=DEADLINE, check=True)
    assert (done.stdout, done.stderr) == (garbage, garbage[::-1])


def test_a_long_log_is_whole_and_fills_no_memory(beside: ThreadedServer) -> None:
    lines = b"".join(frame(1, b"%07d" % number + b"x" * 1016 + b"\n") for number in range(240))
    blocks = 200  # about 50 MiB
    whole = hashlib.sha256()

    async def much(calling: Calling) -> None:
        await calling.answer(docker_pb2.ReadLogsResponse(terminal=False))
        for _ in range(blocks):
            await calling.answer(block(lines))

    plain = b"".join(b"%07d" % number + b"x" * 1016 + b"\n" for number in range(240))
    docker_agent(beside, "lab-1", {"ReadLogs": much})
    highest = 0
    with process("logs", "shop") as reading:
        assert reading.stdout is not None
        while data := reading.stdout.read(MIB):
            whole.update(data)
            highest = most_memory(reading.pid) or highest
        assert reading.wait(DEADLINE) == 0
    assert whole.hexdigest() == hashlib.sha256(plain * blocks).hexdigest()
    assert 0 < highest < 100 * 1024


@pytest.mark.parametrize(("method", "answer", "arguments"), FOLLOWED)
def test_a_controller_that_ends_in_the_middle_is_told(
    beside: ThreadedServer,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    answer: Answer,
    arguments: tuple[str, ...],
) -> None:
    docker_agent(beside, "lab-1", {method: answer})
    wire = beside.wire("wire")
    monkeypatch.setenv("FAIRLEAD_CONTEXT", "wire")
    with process(*arguments) as following:
        assert following.stdout is not None
        assert b"first" in following.stdout.readline()
        beside.do(wire.cut())
        _, said = following.communicate(timeout=DEADLINE)
        assert following.returncode == 1
        assert said.startswith(b"Error: No controller answers at ")


@pytest.mark.parametrize(("method", "answer", "arguments"), FOLLOWED)
def test_an_agent_that_ends_in_the_middle_is_told(
    beside: ThreadedServer, method: str, answer: Answer, arguments: tuple[str, ...]
) -> None:
    agent = docker_agent(beside, "lab-1", {method: answer})
    with process(*arguments) as following:
        assert following.stdout is not None
        assert b"first" in following.stdout.readline()
        beside.do(agent.kill())
        _, said = following.communicate(timeout=DEADLINE)
        assert following.returncode == 1
        assert said.startswith(b"Error: ")
        assert b"lab-1" in said
        assert b"\n  \xe2\x86\x92 " in said


def test_events_come_as_they_happen(beside: ThreadedServer) -> None:
    second = asyncio.Event()

    async def two(calling: Calling) -> None:
        await calling.answer(docker_pb2.WatchDockerEventsResponse(data=b'{"Action":"one"}\n{"Act'))
        await second.wait()
        await calling.answer(docker_pb2.WatchDockerEventsResponse(data=b'ion":"two"}\n'))

    async def go_on() -> None:
        second.set()

    docker_agent(beside, "lab-1", {"WatchDockerEvents": two})
    with process("events", "-o", "json") as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline()) == {"node": "lab-1", "event": {"Action": "one"}}
        beside.do(go_on())
        assert json.loads(following.stdout.readline())["event"] == {"Action": "two"}
        assert following.wait(DEADLINE) == 0

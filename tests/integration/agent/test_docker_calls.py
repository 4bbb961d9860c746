"""Docker commands of a person, all the way: client, controller, the agent's session, and a real Docker Engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_testing.docker_people import People, docker_people
from fairlead_wire.errors import FairleadError
from fairlead_wire.status import from_rpc_error

pytestmark = [pytest.mark.engine, pytest.mark.long]
FOREVER = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"
LINE = "x" * 1015
LINES = 32_000
"""More than all buffers on the way can hold."""


@pytest.fixture
async def people(tmp_path: Path, engine_image: str) -> AsyncIterator[People]:
    async with docker_people(tmp_path, engine_image) as made:
        yield made


async def test_what_runs_is_listed(people: People) -> None:
    identity = await people.running("one", FOREVER)
    wanted = [pb.DockerFilter(key="label", values=[f"mark={people.mark}"])]
    listed = await people.stub.ListContainers(pb.ListContainersRequest(node=people.node, filters=wanted), timeout=60)
    (container,) = listed.containers
    assert (container.id, list(container.names), container.state) == (identity, [people.name("one")], "running")
    assert container.fairlead == ""


async def test_a_slow_reader_of_a_log_stops_the_reading_and_loses_nothing(people: People) -> None:
    script = f"i=0; while [ $i -lt {LINES} ]; do echo {LINE}; i=$((i+1)); done"
    identity = await people.running("talker", script)
    await people.engine.ask(EngineRequest("POST", f"/containers/{identity}/wait", seconds=120))
    call = people.stub.ReadLogs(pb.ReadLogsRequest(node=people.node, container=identity, tail=-1, follow=True))
    assert (await call.read()).terminal is False
    held = await _stalled_at(people)
    assert held < LINES * len(LINE) * 3 // 4, "what nobody reads is left in Docker"
    received = 0
    while (answer := await call.read()) is not grpc.aio.EOF:
        received += len(answer.data)
    assert received == LINES * (8 + len(LINE) + 1)
    await people.all_closed()


async def _stalled_at(people: People) -> int:
    """How much was read from Docker once no more is."""
    before = -1
    while before != people.engine.read:
        before = people.engine.read
        await asyncio.sleep(1.0)  # it is the absence of something that is waited for
    return before


async def test_a_log_that_is_followed_ends_at_once_when_its_reader_goes(people: People) -> None:
    identity = await people.running("one", FOREVER)
    call = people.stub.ReadLogs(pb.ReadLogsRequest(node=people.node, container=identity, tail=-1, follow=True))
    assert [(await call.read()).WhichOneof("part") for _ in range(2)] == ["terminal", "data"]
    call.cancel()
    await people.all_closed()
    assert len(people.server.dispatch.sessions.connected()) == 1, "the session goes on"


async def test_a_hundred_followers_at_once(people: People) -> None:
    identity = await people.running("one", FOREVER)
    asked = pb.ReadLogsRequest(node=people.node, container=identity, tail=-1, follow=True)
    calls = [people.stub.ReadLogs(asked) for _ in range(100)]
    seen = await asyncio.gather(*(_first_data(call) for call in calls))
    assert set(seen) == {_frame(b"ready\n")}
    assert threading.active_count() < 50
    for call in calls:
        call.cancel()
    await people.all_closed()


async def _first_data(call: Any) -> bytes:
    assert (await call.read()).WhichOneof("part") == "terminal"
    return bytes((await call.read()).data)


async def test_a_command_gets_its_input_and_gives_its_exit_code(people: People) -> None:
    identity = await people.running("one", FOREVER)
    call = await _exec(people, identity, "cat; exit 7", stdin=True)
    assert (await call.read()).WhichOneof("frame") == "terminal"
    await call.write(pb.ExecContainerRequest(data=b"first\n"))
    assert (await call.read()).data == _frame(b"first\n")
    await call.write(pb.ExecContainerRequest(data=b"last\n"))
    await call.write(pb.ExecContainerRequest(end=True))
    await call.done_writing()
    assert await _rest(call) == (_frame(b"last\n"), 7)
    await people.all_closed()


async def test_a_command_in_a_terminal(people: People) -> None:
    identity = await people.running("one", FOREVER)
    call = await _exec(people, identity, "read line; echo got $line; exit 3", stdin=True, terminal=True)
    assert (await call.read()).terminal is True
    await call.write(pb.ExecContainerRequest(size=pb.TerminalSize(rows=33, columns=44)))
    await call.write(pb.ExecContainerRequest(data=b"hello\r"))
    output, code = await _rest(call)
    assert (output, code) == (b"hello\r\ngot hello\r\n", 3)


async def test_leaving_a_command_that_takes_no_input_ends_its_stream(people: People) -> None:
    """Its input is stuck in every buffer on the way, so the end of the relay is behind much that nobody takes."""
    identity = await people.running("one", FOREVER)
    call = await _exec(people, identity, "echo here; sleep 600", stdin=True)
    assert (await call.read()).WhichOneof("frame") == "terminal"
    await call.read()
    flood = asyncio.create_task(_flood(call))
    _, pending = await asyncio.wait([flood], timeout=3.0)
    assert pending, "more input than fits is not taken"
    call.cancel()
    await asyncio.gather(flood, return_exceptions=True)
    await people.all_closed()


async def test_a_container_from_its_start_to_its_end(people: People) -> None:
    identity = await people.made("brief", "cat; exit 5", stdin=True, remove=True)
    call = people.stub.AttachContainer()
    target = pb.AttachTarget(node=people.node, container=identity, start=True, stdin=True)
    await call.write(pb.AttachContainerRequest(target=target))
    await call.write(pb.AttachContainerRequest(data=b"all of it"))
    await call.write(pb.AttachContainerRequest(end=True))
    assert (await call.read()).terminal is False
    assert await _rest(call) == (_frame(b"all of it"), 5)
    error = await _failed(people.stub.StartContainer(pb.StartContainerRequest(node=people.node, container=identity)))
    assert (error.code, error.next_step) == ("NOT_FOUND", f"See `fairlead docker ps --all --node {_short(people)}`.")


async def test_letting_go_of_a_terminal_leaves_the_container_alone(people: People) -> None:
    identity = await people.made("shell", FOREVER, stdin=True, terminal=True)
    call = people.stub.AttachContainer()
    target = pb.AttachTarget(node=people.node, container=identity, start=True, stdin=True)
    await call.write(pb.AttachContainerRequest(target=target))
    assert (await call.read()).terminal is True
    assert (await call.read()).data == b"ready\r\n"
    await call.write(pb.AttachContainerRequest(data=b"\x10"))
    await call.write(pb.AttachContainerRequest(data=b"\x11"))
    _, code = await _rest(call)
    assert code is None
    wanted = pb.InspectDockerRequest(node=people.node, object=identity)
    assert b'"Running": true' in (await people.stub.InspectDocker(wanted, timeout=60)).json


async def test_the_end_of_a_session_ends_what_it_carried(people: People) -> None:
    identity = await people.running("one", FOREVER)
    call = people.stub.ReadLogs(pb.ReadLogsRequest(node=people.node, container=identity, tail=-1, follow=True))
    await call.read()
    await people.agent.stop()
    await people.all_closed()
    assert (await _failed(_rest(call))).code == "UNAVAILABLE"


async def _exec(people: People, identity: str, script: str, **how: Any) -> Any:
    call = people.stub.ExecContainer()
    target = pb.ExecTarget(node=people.node, container=identity, command=["sh", "-c", script], **how)
    await call.write(pb.ExecContainerRequest(target=target))
    return call


async def _rest(call: Any) -> tuple[bytes, int | None]:
    """All that still comes out, and how it ended if it says so."""
    output, code = bytearray(), None
    async with asyncio.timeout(60):
        while (answer := await call.read()) is not grpc.aio.EOF:
            output += answer.data
            if answer.WhichOneof(answer.DESCRIPTOR.oneofs[0].name) == "exit_code":
                code = answer.exit_code
    return bytes(output), code


async def _flood(call: Any) -> None:
    while True:
        await call.write(pb.ExecContainerRequest(data=b"x" * 200_000))


async def _failed(call: Any) -> FairleadError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def _frame(content: bytes) -> bytes:
    """As Docker writes what comes from stdout."""
    return b"\x01\0\0\0" + len(content).to_bytes(4, "big") + content


def _short(people: People) -> str:
    return people.node.removeprefix("nodes/")

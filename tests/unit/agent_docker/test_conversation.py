"""One call over one relay: what goes wrong on either side of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.conversation import ANSWER_BYTES, DockerCalls
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.relay_frames import RelayEnded
from fairlead_testing.people_engine import FILE, Frames, ScriptedEngine, called, container

FULL = Permission("full", FILE)


def frame(method: str, request: Any) -> bytes:
    return agent_pb2.DockerCall(method=method, request=request.SerializeToString()).SerializeToString()


def failure(relay: Frames) -> agent_pb2.DockerFailure:
    return agent_pb2.DockerAnswer.FromString(relay.written[-1]).failure


class Leaving(Frames):
    """A client that goes after the first answer."""

    async def write(self, frame: bytes) -> None:
        if self.written:
            raise RelayEnded
        await super().write(frame)


@pytest.mark.parametrize("first", [b"\xff\xff", b""])
async def test_what_is_no_call(first: bytes) -> None:
    relay: Any = Frames([first])
    await DockerCalls(ScriptedEngine(), FULL)(relay)
    assert failure(relay).code == "INVALID_ARGUMENT"


async def test_a_request_that_can_not_be_read() -> None:
    call = agent_pb2.DockerCall(method="ListImages", request=b"\xff\xff")
    relay: Any = Frames([call.SerializeToString()])
    await DockerCalls(ScriptedEngine(), FULL)(relay)
    assert failure(relay).next_step == "Send the message that the method takes."


async def test_a_client_that_goes_closes_the_stream_to_docker() -> None:
    found = container("x")
    engine = ScriptedEngine(
        {"GET /containers/x/json": found}, {f"GET /containers/{found['Id']}/logs": [b"one", b"two", b"three"]}
    )
    relay: Any = Leaving([frame("ReadLogs", pb.ReadLogsRequest(container="x"))])
    await DockerCalls(engine, FULL)(relay)
    assert len(relay.written) == 1
    assert engine.opened[0].closed


async def test_a_frame_amid_a_command_that_can_not_be_read() -> None:
    found = container("x")
    path = f"/containers/{found['Id']}/exec"
    engine = ScriptedEngine(
        {"GET /containers/x/json": found, f"POST {path}": {"Id": "57"}}, {"POST /exec/57/start": [b"out"]}
    )
    target = pb.ExecTarget(container="x", command=["sh"], stdin=True)
    relay: Any = Frames([frame("ExecContainer", pb.ExecContainerRequest(target=target)), b"\xff\xff"])
    engine.lasting = True
    await DockerCalls(engine, FULL)(relay)
    assert failure(relay).code == "INVALID_ARGUMENT"
    assert engine.opened[0].closed


async def test_no_more_calls_than_fit() -> None:
    reading = asyncio.Event()

    async def endless(call: Any, request: Any) -> Any:
        reading.set()
        await asyncio.Event().wait()
        yield pb.ListImagesResponse()

    calls = DockerCalls(ScriptedEngine(), FULL, {"ListImages": endless}, most=1)
    first: Any = Frames([frame("ListImages", pb.ListImagesRequest())])
    running = asyncio.create_task(calls(first))
    await reading.wait()
    second: Any = Frames([frame("ListImages", pb.ListImagesRequest())])
    await calls(second)
    assert failure(second).code == "FAILED_PRECONDITION"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    third: Any = Frames([frame("ListImages", pb.ListImagesRequest())])
    again = asyncio.create_task(calls(third))
    reading.clear()
    await reading.wait()
    again.cancel()


async def test_an_answer_that_is_too_long() -> None:
    async def long(call: Any, request: Any) -> AsyncIterator[Any]:
        yield pb.InspectDockerResponse(json=b" " * ANSWER_BYTES)

    handlers: Any = {"InspectDocker": long}
    relay: Any = Frames([frame("InspectDocker", pb.InspectDockerRequest())])
    await DockerCalls(ScriptedEngine(), FULL, handlers)(relay)
    assert failure(relay).next_step == "Ask for less, with --filter."


async def test_a_stream_that_ends_says_so_last() -> None:
    found = container("x")
    engine = ScriptedEngine({"GET /containers/x/json": found}, {f"GET /containers/{found['Id']}/logs": []})
    heard = await called(engine, "ReadLogs", pb.ReadLogsRequest(container="x"))
    assert (len(heard.answers), heard.failure) == (1, None)

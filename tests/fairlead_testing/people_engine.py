"""A Docker Engine for people's commands that answers as a test says, and calls of DockerService without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.conversation import DockerCalls
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.runtime.failures import from_answer
from fairlead_agent.runtime.people_port import EngineRequest

FILE = "/var/lib/fairlead/policy.json"
_METHODS = docker_pb2.DESCRIPTOR.services_by_name["DockerService"].methods_by_name


class ScriptedStream:
    """Gives the blocks of a list, and then its end, or with `lasting` nothing until it is closed."""

    def __init__(self, blocks: Iterable[bytes], lasting: bool) -> None:
        self._blocks = list(blocks)
        self._left = asyncio.Event()
        if not lasting:
            self._left.set()
        self.written: list[bytes] = []
        self.ended = self.closed = False

    async def read(self, most: int = 0) -> bytes:
        if self._blocks:
            return self._blocks.pop(0)
        await self._left.wait()
        return b""

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    def end(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True
        self._left.set()

    async def __aenter__(self) -> ScriptedStream:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


@dataclass
class ScriptedEngine:
    """`answers`: by "METHOD /path", JSON or an exception; `streams`: blocks. What is in neither is not found. Streams
    that are `lasting` do not end by themselves."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    streams: Mapping[str, Iterable[bytes]] = field(default_factory=dict)
    lasting: bool = False
    asked: list[EngineRequest] = field(default_factory=list)
    opened: list[ScriptedStream] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    async def ask(self, request: EngineRequest) -> Any:
        self.asked.append(request)
        return _found(self.answers, request)

    async def open(self, request: EngineRequest, body: AsyncIterator[bytes] | None = None) -> ScriptedStream:
        self.asked.append(request)
        if body is not None:
            self.sent += [block async for block in body]
        stream = ScriptedStream(_found(self.streams, request), self.lasting)
        self.opened.append(stream)
        return stream

    def did(self) -> list[str]:
        """What was asked of it, but for looking."""
        return [f"{each.method} {each.path}" for each in self.asked if each.method != "GET"]


@dataclass
class Heard:
    """What a client hears."""

    answers: list[Any]
    failure: agent_pb2.DockerFailure | None


class Frames:
    """A relay without a network: gives the frames that it was made with, then says that no more follow."""

    def __init__(self, frames: Iterable[bytes]) -> None:
        self._frames = [*frames, b""]
        self.written: list[bytes] = []

    async def read(self) -> bytes:
        if not self._frames:
            await asyncio.Event().wait()
        return self._frames.pop(0)

    async def write(self, frame: bytes) -> None:
        self.written.append(frame)


async def called(
    engine: Any, method: str, request: Message, *more: Message, level: str = "full", admin: bool = True, **how: Any
) -> Heard:
    """All that one call answers."""
    call = agent_pb2.DockerCall(method=method, request=request.SerializeToString(), caller="anna", admin=admin)
    relay: Any = Frames([call.SerializeToString(), *(each.SerializeToString() for each in more)])
    async with asyncio.timeout(60):
        await DockerCalls(engine, Permission(level, FILE, **how))(relay)
    heard = [agent_pb2.DockerAnswer.FromString(frame) for frame in relay.written]
    kind = GetMessageClass(_METHODS[method].output_type) if method in _METHODS else None
    answers = [kind.FromString(each.response) for each in heard if kind and each.HasField("response")]
    return Heard(answers, heard[-1].failure if heard[-1].HasField("failure") else None)


def container(name: str = "shop", **labels: str) -> dict[str, Any]:
    """What inspecting a container tells, as far as it matters here."""
    identity = "57b15d62ea13" + "0" * 52
    return {
        "Id": identity,
        "Name": f"/{name}",
        "Config": {"Labels": {key.replace("_", "."): value for key, value in labels.items()}, "Tty": False},
        "State": {"Running": True},
        "HostConfig": {"AutoRemove": False},
    }


def _found(answers: Mapping[str, Any], request: EngineRequest) -> Any:
    answer = answers.get(f"{request.method} {request.path}", from_answer(404, "no such container"))
    if isinstance(answer, Exception):
        raise answer
    return answer

"""A person's Docker commands through a real controller and a real agent's session to the real Docker Engine."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead.api.v1.docker_pb2_grpc import DockerServiceStub
from fairlead_agent.docker_calls.conversation import DockerCalls
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.runtime.people_engine import DockerForPeople
from fairlead_agent.runtime.people_port import EngineRequest, EngineStream
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_testing.api_server import api_running, people
from fairlead_testing.connected_agent import ConnectedAgent, connected
from fairlead_testing.engine_image import docker_socket
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.docker_calls import RELAY_TARGET
from fairlead_wire.identity import Role


class CountingEngine(DockerForPeople):
    """Counts the streams that are open and the bytes that were read from them."""

    def __init__(self) -> None:
        super().__init__(f"unix://{docker_socket()}")
        self.read = 0
        self.streams: list[Any] = []

    async def open(self, request: EngineRequest, body: AsyncIterator[bytes] | None = None) -> EngineStream:
        stream: Any = await super().open(request, body)
        reading = stream.read

        async def counted(*most: int) -> bytes:
            data: bytes = await reading(*most)
            self.read += len(data)
            return data

        stream.read = counted
        self.streams.append(stream)
        return stream  # type: ignore[no-any-return]

    def open_streams(self) -> int:
        return sum(not stream._writer.transport.is_closing() for stream in self.streams)


@dataclass
class People:
    """`stub`: an admin's; `node`: the resource name of the agent's node."""

    server: FleetServer
    agent: ConnectedAgent
    engine: CountingEngine
    stub: Any
    node: str
    image: str
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    def name(self, of: str) -> str:
        return f"contract-{self.mark}-{of}"

    async def made(self, of: str, script: str, **spec: Any) -> str:
        """A container that runs `script`, not started."""
        container = docker_pb2.ContainerSpec(
            image=self.image,
            name=self.name(of),
            command=["sh", "-c", script],
            **{"labels": {"mark": self.mark}, **spec},
        )
        answer = await self.stub.CreateContainer(
            docker_pb2.CreateContainerRequest(node=self.node, container=container), timeout=60
        )
        return str(answer.id)

    async def running(self, of: str, script: str, **spec: Any) -> str:
        identity = await self.made(of, script, **spec)
        await self.stub.StartContainer(docker_pb2.StartContainerRequest(node=self.node, container=identity), timeout=60)
        return identity

    async def clean(self) -> None:
        query = {"all": "1", "filters": f'{{"label": ["mark={self.mark}"]}}'}
        for item in await self.engine.ask(EngineRequest("GET", "/containers/json", query)):
            with suppress(RuntimeFailure):
                await self.engine.ask(EngineRequest("DELETE", f"/containers/{item['Id']}", {"force": "1", "v": "1"}))

    async def all_closed(self) -> None:
        """Returns once no stream to Docker is open and no thread of one is left."""
        async with asyncio.timeout(20):
            while self.engine.open_streams() or opening_threads():  # noqa: ASYNC110 - neither tells when it ends
                await asyncio.sleep(0.01)


def opening_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("docker-open")]


@asynccontextmanager
async def docker_people(state: Path, image: str, level: str = "full", role: Role = Role.ADMIN) -> AsyncIterator[People]:
    """`level`: what the node's policy allows."""
    engine = CountingEngine()
    calls = DockerCalls(engine, Permission(level, "/var/lib/fairlead/policy.json"))
    async with (
        api_running() as server,
        connected(server.enrolment_endpoint, state, token=server.token(), conversations={RELAY_TARGET: calls}) as agent,
        people(server, role) as channel,
    ):
        await server.event("node-connected")
        (node,) = server.store.now(lambda repositories: repositories.nodes.all())
        made = People(server, agent, engine, DockerServiceStub(channel), f"nodes/{node.name}", image)
        try:
            yield made
        finally:
            await made.clean()
            engine.close()

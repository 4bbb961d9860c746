"""An agent whose Docker is a script: it answers each call of DockerService as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead.agent.v1 import session_pb2
from fairlead_testing.api_server import ThreadedServer, ready_node, until
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.docker_messages import REQUESTS
from fairlead_wire.errors import FairleadError


@dataclass
class Calling:
    """One call. What a handler yields or returns goes back; a FairleadError that it raises is the failure."""

    method: str
    caller: str
    admin: bool
    first: Any
    """The first request; for a stream that carries a target, the frame with it."""
    more: AsyncIterator[Any]
    """The other requests of a stream."""
    answer: Callable[[Message], Awaitable[None]]
    """Sends an answer. Raises ConnectionError when nobody listens any more."""


Answer = Message | Iterable[Message] | FairleadError | Callable[[Calling], Awaitable[None]]


@dataclass
class DockerAgent:
    """What a test sees of it. `answers` may be changed at any time; `calls` are those that came."""

    agent: FakeAgent
    answers: dict[str, Answer]
    calls: list[Calling] = field(default_factory=list)
    working: asyncio.Task[None] | None = None

    async def kill(self) -> None:
        """Its connections break in the middle of whatever it does; it does not come back."""
        assert self.working is not None
        self.working.cancel()
        await asyncio.wait([self.working])


def docker_agent(beside: ThreadedServer, name: str, answers: Mapping[str, Answer], **node: Any) -> DockerAgent:
    """A node beside the test until the end, whose Docker answers each method so:

    - with a message, or with messages one after the other (a stream), or with a FairleadError,
    - or as an async function says that gets the `Calling`: `await calling.answer(message)`.
    """
    return beside.do(beside.keep(scripted(beside.server, name, answers, **node)))


def silent_node(beside: ThreadedServer, name: str) -> None:
    """A node beside the test whose agent is away. Arranged in the controller's own thread: it may be busy."""

    async def arrange() -> None:
        ready_node(beside.server, name)

    beside.do(arrange())


@asynccontextmanager
async def scripted(
    server: FleetServer, name: str, answers: Mapping[str, Answer], **node: Any
) -> AsyncIterator[DockerAgent]:
    """As `docker_agent`, in this loop, for as long as the block lasts."""
    made, credentials = ready_node(server, name, **node)
    known = DockerAgent(FakeAgent(server.fleet_endpoint, credentials, made.facts), dict(answers))
    known.working = asyncio.create_task(_work(known))
    try:
        await until(server.feed, "events", lambda: made.id in server.dispatch.sessions.reachable())
        yield known
    finally:
        await known.kill()


async def _work(known: DockerAgent) -> None:
    calls: set[asyncio.Task[None]] = set()
    async with known.agent.session() as session:
        welcome = await session.hello(known.agent.facts)

        async def beat() -> None:
            while True:
                await asyncio.sleep(welcome.heartbeat_ms / 1000)
                await session.heartbeat()

        calls.add(asyncio.create_task(beat()))
        try:
            while (message := await session.call.read()) is not grpc.aio.EOF:
                if message.HasField("relay_offer") and message.relay_offer.target == "docker":
                    calls.add(asyncio.create_task(_serve(known, message.relay_offer.relay_id)))
        finally:
            for each in calls:
                each.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


async def _serve(known: DockerAgent, relay_id: str) -> None:
    async with known.agent.relay(relay_id) as relay:
        await relay.write(session_pb2.RelayRequest(data=b""))  # connected
        with suppress(ConnectionError):
            await _answer(known, relay)
        await relay.done_writing()
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await relay.code()


async def _answer(known: DockerAgent, relay: Any) -> None:
    async def send(answer: agent_pb2.DockerAnswer) -> None:
        try:
            await relay.write(session_pb2.RelayRequest(data=answer.SerializeToString()))
        except (grpc.RpcError, asyncio.InvalidStateError):
            raise ConnectionError from None

    async def say(message: Message) -> None:
        await send(agent_pb2.DockerAnswer(response=message.SerializeToString()))

    try:
        calling = await _calling(relay, say)
        known.calls.append(calling)
        await _act(known.answers.get(calling.method), calling)
    except FairleadError as error:
        failure = agent_pb2.DockerFailure(code=error.code, message=error.message, next_step=error.next_step)
        await send(agent_pb2.DockerAnswer(failure=failure))
    else:
        await send(agent_pb2.DockerAnswer(done=True))


async def _act(answer: Answer | None, calling: Calling) -> None:
    match answer:
        case None:
            raise FairleadError(f"The test has no answer for {calling.method}.", "Add one.")
        case FairleadError():
            raise answer
        case Message():
            await calling.answer(answer)
        case _ if callable(answer):
            await answer(calling)
        case _:
            for each in answer:
                await calling.answer(each)


async def _calling(relay: Any, say: Callable[[Message], Awaitable[None]]) -> Calling:
    call = agent_pb2.DockerCall.FromString((await relay.read()).data)
    kind = REQUESTS[call.method]

    async def more() -> AsyncIterator[Any]:
        while (frame := await relay.read()) is not grpc.aio.EOF and frame.data:
            yield kind.FromString(frame.data)

    return Calling(call.method, call.caller, call.admin, kind.FromString(call.request), more(), say)

"""The running controller of `fleet_server` with the people's side on it, in this loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from fairlead.agent.v1 import session_pb2
from fairlead_cli import contexts
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.server import add_api_services
from fairlead_controller.feed import Feed
from fairlead_controller.model.node import Node
from fairlead_controller.store.port import Repositories
from fairlead_testing.api_wire import Wire
from fairlead_testing.fake_agent import FakeAgent, everything_well
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.assignment import Assignment, Observation
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.facts import Facts
from fairlead_wire.identity import Role
from fairlead_wire.inspection import Inspection

T = TypeVar("T")
Report = Callable[[Assignment], Iterable[Observation]]
IMAGE = "fairlead/agent:0.1.0"
DEADLINE = 20.0


def parts_of(server: FleetServer) -> Parts:
    dispatch = server.dispatch
    return Parts(
        server.store,
        server.clock,
        server.feed,
        dispatch.sessions,
        dispatch.observations,
        dispatch.relays,
        server.reconciler,
        IMAGE,
        dispatch.instructions,
        dispatch.inspections,
        server.images,
    )


def _add(listener: grpc.aio.Server, server: FleetServer) -> None:
    add_api_services(listener, parts_of(server))
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), listener)
    reflection.enable_server_reflection(["fairlead.api.v1.ClusterService", reflection.SERVICE_NAME], listener)


@asynccontextmanager
async def api_running(server: FleetServer | None = None) -> AsyncIterator[FleetServer]:
    async with running(server, _add) as controller:
        yield controller


@asynccontextmanager
async def people(server: FleetServer, role: Role = Role.ADMIN, name: str = "anna") -> AsyncIterator[grpc.aio.Channel]:
    """A channel with the certificate of somebody of that role."""
    async with open_channel(server.fleet_endpoint, server.authority.person(name, role)) as channel:
        yield channel


def ready_node(server: FleetServer, name: str, **node: Any) -> tuple[Node, Credentials]:
    """An enrolled node whose Docker is fit for Kubernetes."""
    identity = f"id-{name}"
    facts = Facts(
        hostname=name,
        machine_id=f"machine-{name}",
        os="Debian GNU/Linux 13",
        kernel="6.12.0",
        cpus=4,
        memory_bytes=8 * 2**30,
        docker_version="28.1.0",
        docker_api="1.49",
        address=node.pop("address", "192.0.2.11"),
        agent_version="0.1.0",
        live_restore=True,
    )
    made = Node(identity, name, facts, enrolled_at=server.clock.now(), **node)
    server.store.now(lambda repositories: repositories.nodes.put(made))
    return made, server.authority.node(identity)


@asynccontextmanager
async def obedient_agent(
    server: FleetServer,
    name: str,
    report: Report = everything_well,
    *,
    inspection: Inspection | None = None,
    ahead: float = 0.0,
    **node: Any,
) -> AsyncIterator[FakeAgent]:
    """A node whose agent does everything at once, and well or as `report` says, for as long as the block lasts.

    `inspection`: what it finds on its host, by default nothing to complain about; `ahead`: seconds of its clock.
    """
    made, credentials = ready_node(server, name, **node)
    agent = FakeAgent(server.fleet_endpoint, credentials, made.facts, inspection=inspection, ahead=ahead)
    working = asyncio.create_task(agent.obey(report))
    try:
        await until(server.feed, "events", lambda: made.id in server.dispatch.sessions.reachable())
        yield agent
    finally:
        working.cancel()
        await asyncio.wait([working])


def idle_agent(server: FleetServer, name: str, **more: Any) -> AbstractAsyncContextManager[FakeAgent]:
    """A node whose agent listens, answers questions and does nothing."""
    return obedient_agent(server, name, lambda assignment: (), **more)


@asynccontextmanager
async def shouting_agent(agent: FakeAgent) -> AsyncIterator[list[str]]:
    """A session that opens each relay it is asked for, to something that sends everything back in capitals."""
    targets: list[str] = []
    hello = asyncio.Event()

    async def work() -> None:
        async with agent.session() as session:
            await session.hello(agent.facts)
            hello.set()
            while True:
                message = await session.receive()
                if message.HasField("relay_offer"):
                    targets.append(message.relay_offer.target)
                    await _shout(agent, message.relay_offer.relay_id)

    working = asyncio.create_task(work())
    try:
        await hello.wait()
        yield targets
    finally:
        working.cancel()
        await asyncio.wait([working])


async def _shout(agent: FakeAgent, relay_id: str) -> None:
    async with agent.relay(relay_id) as call:
        await call.write(session_pb2.RelayRequest(data=b""))  # connected
        while (frame := await call.read()) is not grpc.aio.EOF and frame.data:
            await call.write(session_pb2.RelayRequest(data=frame.data.upper()))
        await call.done_writing()
        await call.code()


async def until(feed: Feed, topic: str, condition: Callable[[], bool]) -> None:
    """Returns once the condition holds; it is looked at after each change of the topic."""
    async with asyncio.timeout(DEADLINE):
        while True:
            version = feed.version(topic)
            if condition():
                return
            await feed.changed(topic, version)


class ThreadedServer:
    """A controller beside the test, for callers that block: the CLI in this process or in others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="controller", daemon=True)
        self._stack = AsyncExitStack()
        self.server: FleetServer

    def start(self) -> None:
        self._thread.start()
        self.server = self.do(self._stack.enter_async_context(api_running()))
        self.context("test", Role.ADMIN)
        contexts.use("test", self.folder)

    def stop(self) -> None:
        self.do(self._stack.aclose())
        self.do(_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` beside the controller and waits for it."""
        return self.begin(work).result(DEADLINE)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def store(self, work: Callable[[Repositories], T]) -> T:
        return self.do(self.server.store.write(work))

    def agent(self, name: str, **node: Any) -> FakeAgent:
        """An obedient agent that stays until the end."""
        return self.do(self._stack.enter_async_context(obedient_agent(self.server, name, **node)))

    def keep(self, lasting: AbstractAsyncContextManager[T]) -> Coroutine[Any, Any, T]:
        """Enters it, until the end."""
        return self._stack.enter_async_context(lasting)

    def wire(self, name: str) -> Wire:
        """A context of that name whose connections can be cut."""
        wire = Wire(self.server.fleet_endpoint)
        endpoint = self.do(wire.open())
        self._stack.push_async_callback(wire.close)
        contexts.save(replace(contexts.find("test", self.folder), name=name, endpoint=endpoint), self.folder)
        return wire

    def shout(self, agent: FakeAgent) -> None:
        """The agent answers relays, until the end."""
        self.do(self._stack.enter_async_context(shouting_agent(agent)))

    def context(self, name: str, role: Role) -> contexts.Context:
        """A context file of that name, as somebody of that role."""
        identity = self.server.authority.person("anna", role)
        made = contexts.Context(
            name,
            self.server.fleet_endpoint,
            identity.fleet_id,
            identity.authority.decode(),
            identity.chain.decode(),
            identity.key.decode(),
        )
        contexts.save(made, self.folder)
        return made


async def _rest() -> None:
    """What still runs on the loop has a moment to end and is cancelled then: no task may outlive its loop."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    late = (await asyncio.wait(rest, timeout=1))[1] if rest else set()
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1)


@contextmanager
def threaded_server(folder: Path) -> Iterator[ThreadedServer]:
    server = ThreadedServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()

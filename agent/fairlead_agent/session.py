"""One session: one connection of this agent, from its hello to its end. Any failure ends the whole of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from fairlead.agent.v1 import enrollment_pb2, images_pb2, session_pb2
from fairlead.agent.v1.session_pb2_grpc import SessionServiceStub
from fairlead_agent.effects import RelayTargets
from fairlead_agent.happenings import Happenings
from fairlead_agent.image_sources import ToldImages
from fairlead_agent.instructed import Asked, Instructed
from fairlead_agent.messages import applied
from fairlead_agent.relay_frames import Conversations
from fairlead_agent.reporter import Reporter
from fairlead_agent.session_images import Seed, SessionImages
from fairlead_agent.session_relays import SessionRelays
from fairlead_agent.view import Memory
from fairlead_wire.assignment import Assignment
from fairlead_wire.codec import to_message
from fairlead_wire.errors import Refused, Unreachable
from fairlead_wire.facts import Facts

# With thousands of agents connecting at once some streams die silently: no answer within this is an end.
WELCOME_SECONDS = 10.0
# How soon a full disk is tried again. To end the session for it would only bring the same back, many times a minute.
ROOM_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Upkeep(Protocol):
    """What a session needs of the agent's loop."""

    def memory(self) -> Memory: ...

    async def assign(self, assignment: Assignment) -> None:
        """Journaled when it returns. Raises OSError."""
        ...

    async def session_began(self, generation: int, obeyed: bool) -> None: ...

    def session_ended(self) -> None: ...

    def happened(self, kind: str, message: str, component: str = "") -> None: ...


@dataclass(frozen=True)
class Greeting:
    """What a hello says beside what the journal says."""

    facts: Facts
    boot_id: str


class Session:
    """`control` carries this stream, `bulk` the relays, so that bulk never delays a heartbeat."""

    def __init__(
        self,
        control: grpc.aio.Channel,
        bulk: grpc.aio.Channel,
        upkeep: Upkeep,
        reporter: Reporter,
        happenings: Happenings,
        targets: RelayTargets,
        welcome_seconds: float = WELCOME_SECONDS,
        welcomed: Callable[[], None] = lambda: None,
        instructed: Instructed | None = None,
        conversations: Conversations | None = None,
        images: ToldImages | None = None,
        seed: Seed | None = None,
    ) -> None:
        self._upkeep, self._reporter = upkeep, reporter
        self._happenings, self._welcome_seconds = happenings, welcome_seconds
        self._welcomed, self._instructed = welcomed, instructed or Instructed()
        self._relays = SessionRelays(bulk, targets, conversations or {}, self._begin)
        self._stream: Any = SessionServiceStub(control).Session()
        self._writing = asyncio.Lock()
        self._assigned: asyncio.Queue[session_pb2.Assignment] = asyncio.Queue()
        self._aside: set[asyncio.Task[None]] = set()
        self._images = SessionImages(images, seed, self._begin, upkeep.happened, self._tell_seed)
        self.welcome: session_pb2.Welcome | None = None

    async def run(self, greeting: Greeting) -> None:
        """Never returns well: raises grpc.RpcError, Unreachable, GapError, OSError when the session ends."""
        try:
            await self._greet(greeting)
            await self._live()
        finally:
            self._stream.cancel()
            if self.welcome is not None:
                self._upkeep.session_ended()
            for task in self._aside:
                task.cancel()
            await asyncio.gather(*self._aside, return_exceptions=True)

    async def _greet(self, greeting: Greeting) -> None:
        memory = self._upkeep.memory()
        hello = session_pb2.Hello(
            facts=to_message(greeting.facts, enrollment_pb2.Facts),
            boot_id=greeting.boot_id,
            cluster=memory.assignment.cluster,
            revision=memory.assignment.revision,
            generation=memory.generation,
        )
        try:
            async with asyncio.timeout(self._welcome_seconds):
                await self._write(session_pb2.SessionRequest(hello=hello))
                answer = await self._stream.read()
        except TimeoutError:
            raise Unreachable(f"The controller gave no welcome within {self._welcome_seconds:.0f} s.") from None
        if answer is grpc.aio.EOF or answer.WhichOneof("message") != "welcome":
            raise _ended()
        self.welcome = answer.welcome
        self._welcomed()
        _log.info("session %d is open", answer.welcome.epoch)
        await self._upkeep.session_began(answer.welcome.generation, self._is_obeyed(memory))
        self._reporter.begin_session()

    def _is_obeyed(self, memory: Memory) -> bool:
        """A database older than what this agent has seen was restored: it may look, and not command."""
        assert self.welcome is not None
        if self.welcome.generation >= memory.generation:
            return True
        self._upkeep.happened(
            "generation-older",
            f"The controller's fleet generation {self.welcome.generation} is older than {memory.generation}, which "
            "this agent has seen; it is only told what is observed. Confirm its plan there.",
        )
        return False

    async def _live(self) -> None:
        """All parts until the first of them ends, whose error is the session's."""
        said: tuple[Coroutine[Any, Any, None], ...] = (self._beat(), self._report(), self._tell())
        tasks = [asyncio.create_task(part) for part in (self._receive(), self._hold(), *said)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:  # reading comes first: it knows why the stream is over
                if task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> None:
        while (message := await self._stream.read()) is not grpc.aio.EOF:
            match message.WhichOneof("message"):
                case "assignment":
                    self._assigned.put_nowait(message.assignment)
                case "relay_offer":
                    self._relays.open(message.relay_offer)
                case "relay_end":
                    self._relays.leave(message.relay_end.relay_id)
                case "instruction":
                    self._begin(self._carry_out(message.instruction))
                case "image_sources":
                    self._images.take(message.image_sources)
        raise _ended()

    async def _hold(self) -> None:
        """One assignment after the other. What can't be journaled is not held, and what comes later waits for it."""
        while True:
            message = await self._assigned.get()
            while True:
                try:
                    await self._take(message)
                    break
                except OSError:  # told by the loop
                    await asyncio.sleep(ROOM_SECONDS)

    async def _take(self, message: session_pb2.Assignment) -> None:
        memory = self._upkeep.memory()
        assert self.welcome is not None
        if self.welcome.generation < memory.generation:
            return
        try:
            assignment = applied(memory.assignment, message)
        except Refused as error:
            self._upkeep.happened("assignment-unreadable", str(error))
            return
        if assignment.revision == 0 and memory.assignment.revision > 0:
            self._upkeep.happened(
                "assignment-kept",
                f"The controller knows no assignment of this node; revision {memory.assignment.revision} is kept.",
            )
            return
        await self._upkeep.assign(assignment)
        _log.info("holds revision %d of cluster %s", assignment.revision, assignment.cluster or "(none)")

    async def _beat(self) -> None:
        assert self.welcome is not None
        period = max(self.welcome.heartbeat_ms, 50) / 1000
        while True:
            await asyncio.sleep(period)
            await self._write(session_pb2.SessionRequest(heartbeat=session_pb2.Heartbeat()))

    async def _report(self) -> None:
        while True:
            revision, observations = await self._reporter.batch()
            told = [to_message(item, session_pb2.Observation) for item in observations]
            message = session_pb2.Observations(revision=revision, observations=told)
            await self._write(session_pb2.SessionRequest(observations=message))

    async def _tell(self) -> None:
        while True:
            item = await self._happenings.next()
            message = session_pb2.Happening(
                kind=item.kind, component=item.component, message=item.message, happened_ms=item.happened_ms
            )
            await self._write(session_pb2.SessionRequest(happening=message))
            self._happenings.told(item)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Beside the session, and for as long as it lasts."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
        return task

    async def _tell_seed(self, report: images_pb2.SeedReport) -> None:
        """Who tells may be cancelled meanwhile, and gRPC gives up a whole stream when a write on it is."""
        await asyncio.shield(self._begin(self._said(session_pb2.SessionRequest(seed_report=report))))

    async def _carry_out(self, instruction: session_pb2.Instruction) -> None:
        result = await self._instructed.carry_out(Asked(instruction, self._upkeep.memory()))
        await self._said(session_pb2.SessionRequest(instruction_result=result))

    async def _said(self, message: session_pb2.SessionRequest) -> None:
        """What a session that ends meanwhile needs no more."""
        with suppress(grpc.RpcError, Unreachable):
            await self._write(message)

    async def _write(self, message: session_pb2.SessionRequest) -> None:
        async with self._writing:
            try:
                await self._stream.write(message)
            except asyncio.InvalidStateError:  # gRPC's answer to who writes on a stream that is over
                raise _ended() from None


def _ended() -> Unreachable:
    """The stream ended well; one that the controller refuses or breaks raises its status by itself."""
    return Unreachable("The controller ended the session.", "It is opened again.")

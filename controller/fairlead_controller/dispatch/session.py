"""One session: from an agent's hello to the first failure of anything. Disposable; the next one starts afresh."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol

import grpc
import structlog

from fairlead.agent.v1 import images_pb2
from fairlead.agent.v1 import session_pb2 as pb
from fairlead_controller.dispatch.greeting import Greeting
from fairlead_controller.dispatch.messages import assignment_message
from fairlead_controller.dispatch.pipe import SEE_LOG
from fairlead_controller.ports import Ahead
from fairlead_wire.assignment import Assignment, Observation
from fairlead_wire.codec import from_message
from fairlead_wire.errors import Invalid, Unreachable

_log = structlog.get_logger(__name__)

# An agent that takes nothing for so long is gone, even if its heartbeats still come.
WRITE_SECONDS = 30.0


class Inbox(Protocol):
    """Where a session puts what it receives."""

    def heard(self, session: Session) -> None:
        """A sign of life, whatever came."""
        ...

    def observed(self, session: Session, observations: Iterable[Observation]) -> None: ...

    def happened(self, session: Session, kind: str, component: str, message: str) -> None: ...

    def seed_reported(self, session: Session, report: images_pb2.SeedReport) -> None: ...


class SessionOver(Unreachable):
    """It ended in the middle: what was asked may be done or not."""


class Session:
    """Reads what the agent sends into `inbox`, and sends it what became newer each time it is woken."""

    def __init__(
        self,
        greeting: Greeting,
        heartbeat: float,
        newest: Callable[[], Awaitable[Assignment]],
        inbox: Inbox,
        image_sources: Callable[[], Awaitable[images_pb2.ImageSources]],
    ) -> None:
        """`heartbeat`: seconds between heartbeats; `newest` reads the node's newest assignment; `image_sources`: where
        images are to be had now."""
        self.node_id, self.epoch, self.heartbeat = greeting.node.id, greeting.epoch, heartbeat
        self.observed_only = bool(greeting.basis.objection)
        self.ahead = Ahead(greeting.basis.objection, greeting.greeted_generation) if greeting.basis.ahead else None
        self._greeting, self._newest, self._inbox = greeting, newest, inbox
        self._image_sources, self._images_due = image_sources, True
        self._held = greeting.basis.held
        self._offers: deque[pb.SessionResponse] = deque()
        self._instructed: dict[str, asyncio.Future[pb.InstructionResult]] = {}
        self._woken = asyncio.Event()
        self._woken.set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def push(self) -> None:
        """There may be a newer assignment."""
        self._woken.set()

    def images_changed(self) -> None:
        """Has the agent told where images are to be had now, also one that is only observed."""
        self._images_due = True
        self._woken.set()

    def offer(self, relay_id: str, target: str) -> None:
        self._offers.append(pb.SessionResponse(relay_offer=pb.RelayOffer(relay_id=relay_id, target=target)))
        self._woken.set()

    def end_relay(self, relay_id: str) -> None:
        """Has the agent leave a relay that it may be stuck in."""
        self._offers.append(pb.SessionResponse(relay_end=pb.RelayEnd(relay_id=relay_id)))
        self._woken.set()

    async def instruct(self, instruction: pb.Instruction) -> pb.InstructionResult:
        """The result of an instruction, whenever it comes. Raises Unreachable when the session ends before."""
        result: asyncio.Future[pb.InstructionResult] = asyncio.get_running_loop().create_future()
        self._instructed[instruction.id] = result
        self._offers.append(pb.SessionResponse(instruction=instruction))
        self._woken.set()
        try:
            return await result
        finally:
            self._instructed.pop(instruction.id, None)

    def end(self, message: str, next_step: str) -> None:
        if not self._ended.done():
            self._ended.set_exception(Unreachable(message, next_step))

    async def run(self, context: Any) -> None:
        """Returns when the agent ends the stream; raises why it ended otherwise."""
        # A write that is cancelled while it also carries the metadata would leave the call without a status for ever.
        await context.send_initial_metadata(())
        loop = asyncio.get_running_loop()
        parts = [loop.create_task(self._receive(context)), loop.create_task(self._send(context))]
        try:
            done, _ = await asyncio.wait({*parts, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            self._ended.cancel()
            self._leave_instructions()

    def _leave_instructions(self) -> None:
        for result in self._instructed.values():
            if not result.done():
                result.set_exception(SessionOver("The agent's session ended before it gave a result.", SEE_LOG))

    async def _receive(self, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            self._inbox.heard(self)
            self._handle(message)

    def _handle(self, message: pb.SessionRequest) -> None:
        kind = message.WhichOneof("message")
        if kind == "observations":
            self._inbox.observed(self, _readable(message.observations.observations))
        elif kind == "happening":
            happening = message.happening
            self._inbox.happened(self, happening.kind, happening.component, happening.message)
        elif kind == "instruction_result":
            result = self._instructed.get(message.instruction_result.id)
            if result is not None and not result.done():
                result.set_result(message.instruction_result)
        elif kind == "seed_report":
            self._inbox.seed_reported(self, message.seed_report)
        elif kind == "hello":
            raise Invalid("A session has one hello, and this was the second.", "Start a new session instead.")

    async def _send(self, context: Any) -> None:
        await self._write(context, self._welcome())
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._images_due:
                # However often they changed meanwhile, only the newest counts.
                self._images_due = False
                await self._write(context, pb.SessionResponse(image_sources=await self._image_sources()))
            while self._offers:
                await self._write(context, self._offers.popleft())
            if (message := await self._next_assignment()) is not None:
                await self._write(context, message)

    async def _next_assignment(self) -> pb.SessionResponse | None:
        if self.observed_only:
            return None
        newest = await self._newest()
        if newest.revision <= (self._held.revision if self._held is not None else 0):
            return None
        message = assignment_message(self._held, newest)
        self._held = newest
        return message

    async def _write(self, context: Any, message: pb.SessionResponse) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await context.write(message)
        except TimeoutError:
            raise Unreachable(
                f"The agent took nothing for {WRITE_SECONDS:.0f} s.",
                "Look at its log with `docker logs fairlead-agent`.",
            ) from None

    def _welcome(self) -> pb.SessionResponse:
        return pb.SessionResponse(
            welcome=pb.Welcome(
                epoch=self.epoch,
                generation=self._greeting.generation,
                heartbeat_ms=round(self.heartbeat * 1000),
                node_id=self.node_id,
            )
        )


def _readable(messages: Iterable[pb.Observation]) -> Iterator[Observation]:
    """What this controller has words for: a newer agent may know more states, and is still heard."""
    for message in messages:
        try:
            yield from_message(message, Observation)
        except ValueError:
            _log.warning("an observation has a state that is not known here", subject=message.name[:80])

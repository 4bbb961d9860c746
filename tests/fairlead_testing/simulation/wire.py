"""gRPC without a network: channels and a server that speak in messages, over a wire that is slow, cut or broken.

What a call does when it is over is what grpc.aio does: `read` gives EOF or raises the status, `write` raises
InvalidStateError. A broken connection is seen by each side at its own time; until then messages wait, or arrive late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import grpc
from grpc.aio import EOF, AbortError, AioRpcError, Metadata

from fairlead_testing.simulation.process import Process

CANCELLED = "Locally cancelled by application!"


@dataclass(frozen=True)
class Ending:
    """How a call ended; a code of OK is a good end."""

    code: grpc.StatusCode
    details: str = ""
    trailing: tuple[tuple[str, Any], ...] = ()

    @property
    def error(self) -> AioRpcError:
        return AioRpcError(self.code, Metadata(), Metadata(*self.trailing), self.details)


BROKEN = Ending(grpc.StatusCode.UNAVAILABLE, "Socket closed")
REFUSED = Ending(grpc.StatusCode.UNAVAILABLE, "connection refused")
LATE = Ending(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


class Lane:
    """One direction of a call: messages in order, each after its own delay, none while the link is cut."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._under_way: deque[Any] = deque()
        self._arrived: deque[Any] = deque()
        self._last = 0.0
        self._reader: asyncio.Future[None] | None = None
        self.ending: Ending | None = None

    def put(self, message: Any) -> None:
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + self._link.delay())
        self._under_way.append(message)
        loop.call_at(self._last, self._arrive)

    def flush(self) -> None:
        """The link is whole again: what was held up arrives."""
        while self._under_way and not self._link.is_cut:
            self._deliver(self._under_way.popleft())

    def end(self, ending: Ending) -> None:
        """Nothing arrives after it; what has arrived may still be read after a good end."""
        if self.ending is None:
            self.ending = ending
            if ending.code is not grpc.StatusCode.OK:
                self._arrived.clear()
            self._wake()

    async def get(self) -> Any:
        """The next message; EOF at the end, whatever end it was."""
        while not self._arrived:
            if self.ending is not None:
                return EOF
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._arrived.popleft()

    def _arrive(self) -> None:
        if self._under_way and not self._link.is_cut:
            self._deliver(self._under_way.popleft())

    def _deliver(self, message: Any) -> None:
        if isinstance(message, Ending):
            self.end(message)
        elif self.ending is None:
            self._arrived.append(message)
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


@dataclass
class Link:
    """The way between one agent and the controller. `delay` gives each message's seconds."""

    delay: Callable[[], float]
    is_cut: bool = False
    calls: list[Call] = field(default_factory=list)

    def cut(self) -> None:
        self.is_cut = True

    def mend(self) -> None:
        """What was held up arrives, also the news of an end."""
        self.is_cut = False
        for call in self._open():
            call.up.flush()
            call.down.flush()
            if call.down.ending is not None:
                asyncio.get_running_loop().call_later(self.delay(), call.abandon)

    def lose(self, client_after: float, server_after: float) -> None:
        """All connections break; each side notices after so many seconds, until when it still receives."""
        loop = asyncio.get_running_loop()
        for call in self._open():
            loop.call_later(client_after, call.down.end, BROKEN)
            loop.call_later(server_after, call.abandon)

    def add(self, call: Call) -> None:
        self.calls = [*self._open(), call]

    def _open(self) -> list[Call]:
        """Those of which some side does not know yet that they are over."""
        return [call for call in self.calls if call.up.ending is None or call.down.ending is None]


class Call:
    """One call: what both sides have of it. `up` is towards the server."""

    def __init__(self, link: Link, peer: Peer, duplicate: Callable[[Any], bool]) -> None:
        self.link, self.peer, self.duplicate = link, peer, duplicate
        self.up, self.down = Lane(link), Lane(link)
        self.handler: asyncio.Task[None] | None = None
        self.abandoned = False
        link.add(self)

    def abandon(self) -> None:
        """The server learns that nobody listens any more."""
        self.abandoned = True
        self.up.end(BROKEN)
        if self.handler is not None:
            self.handler.cancel()


@dataclass(frozen=True)
class Peer:
    """Who calls: the certificate that its TLS handshake would have shown, PEM, and the address that it comes from."""

    certificate: bytes
    address: str


@dataclass(frozen=True)
class Details:
    """What an interceptor sees of a call."""

    method: str
    invocation_metadata: tuple[Any, ...] = ()


class Context:
    """The server's side of a call, as handlers use it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.status: Ending | None = None

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return {"x509_pem_cert": [self._call.peer.certificate]}

    def peer(self) -> str:
        return f"ipv4:{self._call.peer.address}:40000"

    async def send_initial_metadata(self, metadata: object) -> None:
        pass

    async def read(self) -> Any:
        return await self._call.up.get()

    async def write(self, message: Any) -> None:
        if not self._call.abandoned:
            self._call.down.put(message)

    async def abort_with_status(self, status: Any) -> None:
        self.status = Ending(status.code, status.details, tuple(status.trailing_metadata or ()))
        raise AbortError

    def cancelled(self) -> bool:
        return self._call.abandoned

    def done(self) -> bool:
        return self.status is not None


class Server:
    """Takes handlers as a grpc.aio.Server does, and runs each call as a task of the process it is part of."""

    def __init__(self, process: Process, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._process, self._interceptors = process, interceptors
        self._handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        pass

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self._handlers |= {f"/{service}/{method}": handler for method, handler in handlers.items()}

    def accept(self, method: str, call: Call) -> None:
        """A stream: it ends when its handler does."""
        if self._process.alive and not call.abandoned:
            call.handler = self._process.start(self._stream(method, call))

    def answer(self, method: str, request: Any, call: Call) -> None:
        """A single request: its answer, or the status that it ends with, goes down."""
        if self._process.alive and not call.abandoned:
            call.handler = self._process.start(self._single(method, request, call))

    async def _stream(self, method: str, call: Call) -> None:
        context = Context(call)
        try:
            handler = await self._handler(method)
            async for message in _iterated(handler.stream_stream(None, context)):
                await context.write(message)
        except AbortError:
            pass
        self._finish(call, context.status or Ending(grpc.StatusCode.OK))

    async def _single(self, method: str, request: Any, call: Call) -> None:
        context = Context(call)
        try:
            handler = await self._handler(method)
            call.down.put(await handler.unary_unary(request, context))
        except AbortError:
            pass
        self._finish(call, context.status or Ending(grpc.StatusCode.OK))

    def _finish(self, call: Call, ending: Ending) -> None:
        self._process.check()
        call.down.put(ending)
        call.up.end(ending)

    async def _handler(self, method: str) -> Any:
        async def innermost(details: Details) -> Any:
            return self._handlers[details.method]

        found: Any = innermost
        for interceptor in reversed(self._interceptors):
            found = _through(interceptor, found)
        return await found(Details(method))


def _through(interceptor: grpc.aio.ServerInterceptor, continuation: Any) -> Any:
    async def intercepted(details: Details) -> Any:
        return await interceptor.intercept_service(continuation, details)  # type: ignore[arg-type]

    return intercepted


async def _iterated(answer: Any) -> Any:
    if hasattr(answer, "__aiter__"):
        async for message in answer:
            yield message
    else:
        await answer


class ClientStream:
    """A StreamStreamCall of the client."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def write(self, message: Any) -> None:
        if self._call.down.ending is not None:
            raise asyncio.InvalidStateError("RPC already finished.")
        self._call.up.put(message)
        if self._call.duplicate(message):
            self._call.up.put(message)

    async def read(self) -> Any:
        message = await self._call.down.get()
        if message is EOF and (ending := self._call.down.ending) is not None and ending.code is not grpc.StatusCode.OK:
            raise ending.error
        return message

    def cancel(self) -> bool:
        hang_up(self._call)
        return True


def hang_up(call: Call) -> None:
    """The client ends the call; the server learns of it as soon as the wire brings it."""
    if call.down.ending is None:
        call.down.end(Ending(grpc.StatusCode.CANCELLED, CANCELLED))
        if not call.link.is_cut:
            asyncio.get_running_loop().call_later(call.link.delay(), call.abandon)


class Channel:
    """A grpc.aio.Channel to whichever server `at` gives at the moment of a call."""

    def __init__(
        self,
        link: Link,
        peer: Peer,
        at: Callable[[], Server | None],
        duplicate: Callable[[Any], bool] = lambda message: False,
    ) -> None:
        self._link, self._peer, self._at, self._duplicate = link, peer, at, duplicate
        self._calls: list[Call] = []

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for call in self._calls:
            hang_up(call)

    def stream_stream(self, method: str, *coding: object, **more: object) -> Callable[[], ClientStream]:
        def begin() -> ClientStream:
            call = self._new()
            self._connect(call, lambda server: server.accept(method, call))
            return ClientStream(call)

        return begin

    def unary_unary(self, method: str, *coding: object, **more: object) -> Any:
        async def ask(request: Any, timeout: float | None = None) -> Any:
            call = self._new()
            self._connect(call, lambda server: server.answer(method, request, call))
            try:
                async with asyncio.timeout(timeout):
                    answer = await call.down.get()
            except TimeoutError:
                raise LATE.error from None
            finally:
                hang_up(call)
            if answer is EOF:
                raise (call.down.ending or BROKEN).error
            return answer

        return ask

    def _unused(self, method: str, *coding: object, **more: object) -> None:
        """Stubs ask for every method of their service, called or not."""

    unary_stream = stream_unary = _unused

    def _new(self) -> Call:
        call = Call(self._link, self._peer, self._duplicate)
        self._calls.append(call)
        return call

    def _connect(self, call: Call, begin: Callable[[Server], None]) -> None:
        def arrive() -> None:
            server = self._at()
            if call.link.is_cut:
                return  # nobody answers; whoever waits has a deadline
            if server is None:
                call.up.end(REFUSED)
                call.down.end(REFUSED)
            else:
                begin(server)

        asyncio.get_running_loop().call_later(self._link.delay(), arrive)

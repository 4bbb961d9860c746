"""One connection to the Engine, opened on a thread of its own and handed over to the event loop with its answer.

The thread lives only until the answer begins: then the socket is the loop's, which needs no thread to wait, and stops
reading when nobody takes what was read. Until then it can be cut from the loop at any moment. docker's own client gives
the socket only once the answer has begun, which in a pull from a registry that hangs takes minutes.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from fairlead_agent.runtime.failures import from_answer
from fairlead_agent.runtime.framings import Chunked, Counted, Endless, Framing

CONNECT_SECONDS = 10.0
_BUFFER = 64 * 1024
_BODY_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Begun:
    """An answer that has begun: its socket, what of it was read already, and where it ends."""

    socket: socket.socket
    first: bytes
    framing: Framing


class EngineLine(http.client.HTTPConnection):
    """`url`: unix:///path or tcp://host:port; `seconds`: how long the Engine may be silent until it answers."""

    def __init__(self, url: str, seconds: float) -> None:
        scheme, _, self._place = url.partition("://")
        host, _, port = self._place.rpartition(":") if scheme != "unix" else ("docker", "", "80")
        super().__init__(host.strip("[]"), int(port), timeout=CONNECT_SECONDS)
        self._is_unix, self._seconds = scheme == "unix", seconds
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._is_cut = False

    def connect(self) -> None:
        if self._is_unix:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(CONNECT_SECONDS)
            self.sock.connect(self._place)
        else:
            super().connect()
        self.sock.settimeout(self._seconds)
        with self._lock:
            self._held = self.sock
            if self._is_cut:
                raise ConnectionAbortedError("cut")

    def cut(self) -> None:
        """Ends it from another thread: whoever waits in it wakes."""
        with self._lock:
            self._is_cut = True
            if self._held is not None:
                with suppress(OSError):
                    self._held.shutdown(socket.SHUT_RDWR)

    def begin(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Begun:
        """Sends the request and waits for the answer. Raises OSError, HTTPException, RuntimeFailure."""
        with suppress(BrokenPipeError, ConnectionResetError):  # who refuses early does not read all, but answers
            self.request(method, target, body, headers, encode_chunked=not isinstance(body, bytes | None))
        held = self._held
        if held is None:
            raise ConnectionAbortedError("the connection was lost")
        with closing(self.getresponse()) as answer:
            if answer.status >= 400:
                raise from_answer(answer.status, _sentence(answer.read(_BODY_LIMIT)))
            framing = _framing(answer)
            held.settimeout(0)  # from here on only what was read with the headers
            first = answer.fp.read1(_BUFFER) or b""
            return Begun(held.dup(), first, framing)


async def begun(line: EngineLine, begin: Callable[[], Begun], cut: Callable[[], None], name: str) -> Begun:
    """Waits for `begin` on a thread of its own, which is woken by `cut` when this is cancelled."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Begun] = loop.create_future()

    def hand_over(result: Begun | None, failure: Exception | None) -> None:
        if outcome.done():
            if result is not None:
                result.socket.close()
        elif result is not None:
            outcome.set_result(result)
        else:
            outcome.set_exception(failure or ConnectionAbortedError("cut"))

    def run() -> None:
        result, failure = None, None
        try:
            result = begin()
        except Exception as error:
            failure = error
        finally:
            line.close()
        try:
            loop.call_soon_threadsafe(hand_over, result, failure)
        except RuntimeError:  # the loop has ended
            if result is not None:
                result.socket.close()

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await outcome
    except asyncio.CancelledError:
        if outcome.done() and not outcome.cancelled() and outcome.exception() is None:
            outcome.result().socket.close()  # it came in the very moment in which nobody wanted it any more
        cut()
        raise


class Upload:
    """What comes from the loop, for a thread that sends it: one block at a time, so the slower side sets the pace."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source, self._loop = source, asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._next: Future[bytes] | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[bytes]:
        while block := self._following():
            yield block

    def stop(self) -> None:
        """Whoever waits for the next block wakes."""
        with self._lock:
            self._stopped = True
            if self._next is not None:
                self._next.cancel()

    def _following(self) -> bytes:
        with self._lock:
            if self._stopped:
                raise ConnectionAbortedError("cut")
            self._next = asyncio.run_coroutine_threadsafe(self._take(), self._loop)
        try:
            return self._next.result()
        except CancelledError:
            raise ConnectionAbortedError("cut") from None

    async def _take(self) -> bytes:
        return await anext(self._source, b"")


def _framing(answer: http.client.HTTPResponse) -> Framing:
    if answer.status in (204, 304):
        return Counted(0)
    if answer.chunked:
        return Chunked()
    return Counted(answer.length) if answer.length is not None and answer.status >= 200 else Endless()


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")

"""What attach and exec have in common: bytes both ways over one hijacked connection, and a terminal's size."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call
from fairlead_agent.runtime.people_port import EngineStream
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_wire.errors import FairleadError

DETACH = b"\x10\x11"
"""Ctrl-P Ctrl-Q, on which Docker lets go of a terminal (moby, pkg/term/proxy)."""
_TRIES, _PAUSE_SECONDS = 10, 0.05
_log = logging.getLogger(__name__)
Resize = Callable[[docker_pb2.TerminalSize], Awaitable[None]]


class Dialogue:
    """`input`: what the client sends after its first frame; `resize` tells Docker the size of the terminal; `stdin`:
    whether there is any input; `terminal`: whether it is one.

    The input of a terminal ends with what is typed there. Docker would take the end of its half of the connection for
    the end of both, and what is still to be read would be lost.
    """

    def __init__(
        self, stream: EngineStream, input: AsyncIterator[Any], resize: Resize, *, stdin: bool, terminal: bool
    ) -> None:
        self._stream, self._input, self._resize = stream, input, resize
        self._stdin, self._ends = stdin, stdin and not terminal
        self._last = b""
        self._wrong: FairleadError | None = None
        self.detached = False
        """Whether the client said that it lets go."""

    async def output(self) -> AsyncGenerator[bytes, None]:
        """What comes out, while what comes in is passed on. Raises FairleadError for a frame that can't be read."""
        feeding = asyncio.create_task(self._feed())
        try:
            while block := await self._stream.read():
                yield block
            if self._wrong is not None:
                raise self._wrong
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _feed(self) -> None:
        """A program that has ended, or takes no input, is no failure: how it ended is told at the end."""
        try:
            async for request in self._input:
                match request.WhichOneof("frame"):
                    case "data" if self._stdin:
                        self._watch(request.data)
                        await self._stream.write(request.data)
                    case "size":
                        await self._resize(request.size)
                    case "end":
                        break
            if self._ends:
                self._stream.end()
        except OSError:
            return
        except FairleadError as error:
            self._wrong = error
            self._stream.close()

    def _watch(self, data: bytes) -> None:
        self.detached = self.detached or DETACH in self._last + data
        self._last = data[-1:] or self._last


def resizer(call: Call, path: str) -> Resize:
    """Tells Docker the size of a terminal. It may not be there yet, or not any more: that harms nobody."""

    async def resize(size: docker_pb2.TerminalSize) -> None:
        if size.rows <= 0 or size.columns <= 0:
            return
        for _ in range(_TRIES):
            try:
                await call.post(f"{path}/resize", h=str(size.rows), w=str(size.columns))
                return
            except RuntimeFailure as failure:
                _log.debug("no resize: %s", failure)
                await asyncio.sleep(_PAUSE_SECONDS)

    return resize

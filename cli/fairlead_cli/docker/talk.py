"""Both directions of an attached container or command: what is typed goes up, what is written comes down."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.docker.detach_keys import DetachKeys
from fairlead_cli.docker.duplex import Duplex
from fairlead_cli.docker.streams import Output, Sink
from fairlead_cli.docker.terminal import STDIN, raw, signals, typed, window_size
from fairlead_wire.errors import Unreachable

Target = docker_pb2.AttachTarget | docker_pb2.ExecTarget
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


@dataclass(frozen=True)
class Ended:
    """How it ended: the process's exit code, or the person left it by Ctrl-P Ctrl-Q."""

    code: int = 0
    left: bool = False


class Talk:
    """One call of AttachContainer or ExecContainer.

    `interrupted`: what the first Ctrl-C does where it is no key for the process, that is without a terminal; the second
    one, or the first without `interrupted`, leaves the process to itself.
    """

    def __init__(
        self,
        client: Client,
        target: Target,
        write: Callable[[int, bytes], None] | None = None,
        interrupted: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._client, self._target = client, target
        self._write = write or Sink.standard().write
        self._interrupted = interrupted
        attaches = isinstance(target, docker_pb2.AttachTarget)
        method = client.docker.AttachContainer if attaches else client.docker.ExecContainer
        self._frame: Any = docker_pb2.AttachContainerRequest if attaches else docker_pb2.ExecContainerRequest
        self._call = Duplex(client, method())
        self._answers = self._call.answers()
        self._arrived: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def hold(self) -> Ended:
        """Until the process has ended or was left. Raises FairleadError; the terminal is as before in any case."""
        try:
            await self._send(target=self._target)
            opening = await anext(self._answers, None)
            if opening is None:
                raise _cut_off()
            return await self._both_ways(opening.terminal)
        finally:
            self._call.cancel()

    async def _both_ways(self, terminal: bool) -> Ended:
        output = Output(self._write, terminal)
        with ExitStack() as settings:
            if terminal and self._target.stdin and os.isatty(STDIN):
                settings.enter_context(raw())
            settings.enter_context(signals(self._arrived.put_nowait, *_ENDING, signal.SIGWINCH))
            ways = [self._receive(output), self._type(terminal), self._heed_signals()]
            return await _first_of([asyncio.create_task(way) for way in ways])

    async def _receive(self, output: Output) -> Ended:
        async for answer in self._answers:
            if answer.HasField("exit_code"):
                return Ended(answer.exit_code)
            # In a thread: a reader that is slow must not keep what is typed from going up.
            await asyncio.to_thread(output.feed, answer.data)
        raise _cut_off()

    async def _type(self, terminal: bool) -> Ended | None:
        if not self._target.stdin:
            return None
        keys = DetachKeys()
        async for block in typed():
            block, left = keys.feed(block) if terminal else (block, False)
            if block:
                await self._send(data=block)
            if left:
                return Ended(left=True)
        await self._send(end=True)
        return None

    async def _heed_signals(self) -> Ended:
        asked = False
        while True:
            number = await self._arrived.get()
            if number is signal.SIGWINCH:
                await self._send(size=window_size())
            elif self._interrupted is None or asked or number is signal.SIGHUP:
                return Ended(128 + number)
            else:
                asked = True
                await self._interrupted()

    async def _send(self, **frame: Any) -> None:
        await self._call.send(self._frame(**frame))


async def _first_of(ways: list[asyncio.Task[Any]]) -> Ended:
    """What the first way brings that brings something. The first one of the list always does."""
    try:
        waiting = set(ways)
        while True:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for way in (way for way in ways if way in ended):
                found: Ended | None = way.result()
                if found is not None:
                    return found
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def _cut_off() -> Unreachable:
    return Unreachable(
        "The connection ended before the process did.", "See with `fairlead docker ps` what became of it."
    )

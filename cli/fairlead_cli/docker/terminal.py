"""This side's terminal and standard streams, as a container's process sees them."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

from fairlead.api.v1.docker_pb2 import TerminalSize
from fairlead_wire.docker_calls import BLOCK_BYTES

STDIN, STDOUT = 0, 1


def window_size() -> TerminalSize | None:
    """What this side's terminal has, if it has one."""
    for descriptor in (STDOUT, STDIN):
        with suppress(OSError):
            size = os.get_terminal_size(descriptor)
            return TerminalSize(rows=size.lines, columns=size.columns)
    return None


@contextmanager
def raw(descriptor: int = STDIN) -> Iterator[None]:
    """Each key goes on as it is typed, Ctrl-C too. The settings of before come back however the block ends."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        yield
    finally:
        # TCSADRAIN would wait for an output that may be stopped.
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


@contextmanager
def signals(handle: Callable[[signal.Signals], None], *numbers: signal.Signals) -> Iterator[None]:
    """Calls `handle` in this loop for each of these signals while the block lasts."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


async def typed(descriptor: int = STDIN) -> AsyncIterator[bytes]:
    """What comes in, as soon as it comes and no faster than it is taken, until its end."""
    while block := await _next(descriptor):
        yield block


async def _next(descriptor: int) -> bytes:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a file: it never lets anybody wait
        return await asyncio.to_thread(os.read, descriptor, BLOCK_BYTES)
    try:
        await ready.wait()
        return os.read(descriptor, BLOCK_BYTES)
    except OSError:  # the other end of a terminal is gone
        return b""
    finally:
        # Not watched while the block is on its way: a slow receiver would keep the loop turning.
        loop.remove_reader(descriptor)

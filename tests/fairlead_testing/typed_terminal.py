"""A person at a terminal: a program on a pseudo terminal, what it shows, and what is typed."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 30.0


class Person:
    """At the terminal of a running program. `shown`: everything since the last wait."""

    def __init__(self, master: int, slave: int, running: subprocess.Popen[bytes]) -> None:
        self._master, self._slave, self.running = master, slave, running
        self.shown = b""

    def sees(self, wanted: bytes) -> bytes:
        """Waits for it; what came up to its end."""
        deadline = time.monotonic() + SECONDS
        while wanted not in self.shown:
            ready = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, f"{wanted!r} did not come, only {self.shown!r}"
            self.shown += os.read(self._master, 65_536)
        before, found, self.shown = self.shown.partition(wanted)
        return before + found

    def types(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resizes(self, rows: int, columns: int) -> None:
        set_size(self._master, rows, columns)

    def ends(self) -> tuple[int, bytes]:
        """Its exit code, and what it showed since the last wait."""
        code = self.running.wait(SECONDS)
        while select.select([self._master], [], [], 0)[0]:
            self.shown += os.read(self._master, 65_536)
        return code, self.shown

    def kills(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    def settings(self) -> list[object]:
        """Those of the terminal now, whether the program still runs or not."""
        return termios.tcgetattr(self._slave)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self._slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)


def set_size(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def terminal(*command: str, rows: int = 24, columns: int = 80) -> Iterator[Person]:
    """Runs a command with a terminal of its own for as long as the block lasts."""
    master, slave = os.openpty()
    set_size(master, rows, columns)

    # setsid gives it the terminal: a function between fork and exec would not bear the threads of a test with gRPC.
    running = subprocess.Popen(
        ["setsid", "--ctty", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm"},
    )
    try:
        yield Person(master, slave, running)
    finally:
        running.kill()
        running.wait(SECONDS)
        os.close(master)
        os.close(slave)

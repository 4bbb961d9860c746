"""Other programs, run with a deadline, line by line, and ended with us."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from fairlead_cli.images.errors import ImageError

TICK_SECONDS = 1.0
KEPT_LINES = 12  # of a failed program's last words
GRACE_SECONDS = 5.0


def run(
    words: Sequence[str],
    *,
    timeout: float,
    advice: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
) -> str:
    """Runs a program and returns what it printed on both outputs.

    `timeout` is in seconds; `env` is added to ours. Raises ImageError if the program is missing, fails or
    takes longer, with its last lines and `advice` as the next step. However this ends, the program has ended.
    """
    process = _start(words, cwd, env, advice)
    lines: list[str] = []
    try:
        for line in _lines(process, timeout):
            if line is None:
                if on_tick:
                    on_tick()
                continue
            lines.append(line)
            if on_line:
                on_line(line)
    finally:
        _end(process)
    if process.returncode != 0:
        raise ImageError(failure(words, process.returncode, lines, timeout), advice)
    return "\n".join(lines)


def failure(words: Sequence[str], code: int, lines: Sequence[str], timeout: float) -> str:
    """The sentence about a program that failed, with its last lines; a negative code is our own signal."""
    how = f"ended with code {code}" if code >= 0 else f"did not finish within {timeout:.0f} s"
    last = "\n".join(f"    {line}" for line in deque(lines, KEPT_LINES))
    return f"`{' '.join(words[:4])}` {how}:\n{last}\n" if last else f"`{' '.join(words[:4])}` {how}."


def _start(words: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, advice: str) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            list(words),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise ImageError(f"`{words[0]}` is not installed.", advice) from error


def _lines(process: subprocess.Popen[str], timeout: float) -> Iterator[str | None]:
    """The program's lines as they come, None for each second without one; ends at the deadline too."""
    assert process.stdout is not None
    arrived: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, arrived), daemon=True).start()
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            line = arrived.get(timeout=TICK_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            process.wait(timeout=max(1.0, deadline - time.monotonic()))
            return
        yield line


def _read(stream: IO[str], arrived: queue.Queue[str | None]) -> None:
    for line in stream:
        arrived.put(line.rstrip("\n"))
    arrived.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the program if it still runs, gently first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()

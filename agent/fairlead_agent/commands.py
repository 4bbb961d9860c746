"""Runs a program with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from fairlead_agent.effects import HostFailure

SECONDS = 20.0


@dataclass(frozen=True)
class Output:
    code: int
    out: str
    err: str


class NoSuchProgram(HostFailure):
    """The program is not installed."""


async def run(argv: Sequence[str], stdin: str = "", seconds: float = SECONDS) -> Output:
    """Runs it to its end. Raises NoSuchProgram, and HostFailure when it takes longer than `seconds`."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe)
    except FileNotFoundError:
        raise NoSuchProgram(f"the program {argv[0]} is not installed here") from None
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate(stdin.encode())
    except TimeoutError:
        raise HostFailure(f"`{' '.join(argv)}` did not end within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Output(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


async def must(argv: Sequence[str], stdin: str = "", seconds: float = SECONDS) -> str:
    """Like `run`, gives its output; raises HostFailure with the last line that it wrote if its exit code is not 0."""
    ended = await run(argv, stdin, seconds)
    if ended.code != 0:
        raise HostFailure(f"`{' '.join(argv)}` failed: {last_line(ended.err) or f'exit code {ended.code}'}")
    return ended.out


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""

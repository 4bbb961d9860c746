"""The same on several nodes side by side: each one's result or error, and none waits for a dead one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import typer

from fairlead_cli.client import Client, NoController
from fairlead_cli.commands.options import Format, run
from fairlead_cli.docker.nodes import Wanted, choose
from fairlead_cli.render.console import say
from fairlead_cli.render.errors import show
from fairlead_cli.render.plain import json_text
from fairlead_wire.errors import FairleadError

# Nodes that answer take a fraction of it; those that take longer are shown when they come.
GRACE_SECONDS = 2.0
LONGEST_LINE = 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """How it went on one node: a value or an error."""

    node: str
    value: T | None = None
    error: FairleadError | None = None


async def each(
    nodes: Sequence[str], work: Callable[[str], Awaitable[T]], grace: float | None = None
) -> AsyncIterator[list[Outcome[T]]]:
    """All that ended within `grace` seconds (GRACE_SECONDS), in the order of the nodes; then the others as they end."""
    grace = GRACE_SECONDS if grace is None else grace
    tasks = [asyncio.create_task(_outcome(node, work)) for node in nodes]
    try:
        done, left = await asyncio.wait(tasks, timeout=grace or None, return_when=_UNTIL[bool(grace)])
        while True:
            if done:
                yield [task.result() for task in tasks if task in done]
            if not left:
                return
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_UNTIL = {True: asyncio.ALL_COMPLETED, False: asyncio.FIRST_COMPLETED}


async def gather(nodes: Sequence[str], work: Callable[[str], Awaitable[T]]) -> list[Outcome[T]]:
    """All outcomes, in the order of the nodes."""
    return list(await asyncio.gather(*(_outcome(node, work) for node in nodes)))


async def _outcome(node: str, work: Callable[[str], Awaitable[T]]) -> Outcome[T]:
    try:
        return Outcome(node, await work(node))
    except FairleadError as error:
        return Outcome(node, error=named(error, node))


def named(error: FairleadError, node: str) -> FairleadError:
    """The same error with the node in front, unless it names it or is none of the node's."""
    if isinstance(error, NoController) or re.search(rf"\b{re.escape(node)}(?![\w-])", error.message):
        return error
    error.message = f"{node}: {error.message}"
    return error


def show_failures(outcomes: Sequence[Outcome[Any]]) -> bool:
    """Shows the errors; whether there was one."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in errors:
        show(error)
    return bool(errors)


def end(failed: bool) -> None:
    """The exit code of a call whose errors were shown."""
    if failed:
        raise typer.Exit(1)


def error_json(error: FairleadError | None) -> dict[str, str] | None:
    """For `-o json`."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "next_step": error.next_step}


class Prefix:
    """What stands before each line when there are several nodes."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._width = max(map(len, nodes)) if len(nodes) > 1 else 0

    def __call__(self, node: str) -> str:
        return f"{node:<{self._width}}  " if self._width else ""

    def put(self, node: str, text: str) -> str:
        """Before each line of `text`."""
        before = self(node)
        return "\n".join(before + line for line in text.split("\n")) if before else text


class Lines:
    """Puts something before each line of a stream of bytes, however it is cut into blocks.

    What has no end within LONGEST_LINE bytes is cut there, so that garbage does not fill memory.
    """

    def __init__(self, prefix: bytes, write: Callable[[bytes], None]) -> None:
        self._prefix = prefix
        self._write = write
        self._begun = b""

    def feed(self, block: bytes) -> None:
        """Writes whole lines only, so that those of several streams do not mix."""
        head, newline, tail = block.rpartition(b"\n")
        if not newline:
            self._begun += block
            if len(self._begun) > LONGEST_LINE:
                self.close()
            return
        lines = (self._begun + head).split(b"\n")
        self._begun = tail
        self._write(self._prefix + (b"\n" + self._prefix).join(lines) + b"\n")

    def close(self) -> None:
        """Writes what was begun."""
        if self._begun:
            self._write(self._prefix + self._begun + b"\n")
            self._begun = b""


def perform(
    context: typer.Context, chosen: Wanted, work: Callable[[Client, str], Awaitable[str]], output: Format
) -> None:
    """The whole of a command that says a line or two for each node. Raises typer.Exit(1) if it failed on any."""

    async def on_nodes(client: Client) -> bool:
        nodes = await choose(client, chosen)
        if output is Format.JSON:
            outcomes = await gather(nodes, lambda node: work(client, node))
            entries = [{"node": o.node, "result": o.value, "error": error_json(o.error)} for o in outcomes]
            say(json_text(entries))
            return show_failures(outcomes)
        failed, prefix = False, Prefix(nodes)
        async for batch in each(nodes, lambda node: work(client, node)):
            for outcome in batch:
                if outcome.value:
                    say(prefix.put(outcome.node, outcome.value))
            failed |= show_failures(batch)
        return failed

    end(run(context, on_nodes))

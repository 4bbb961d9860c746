"""Processes of the simulated machines: tasks that belong together, and end together without a last word."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")
_CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)


class Process:
    """What a task starts belongs to the same process. `died_of`: what ended a task that was to run for ever."""

    def __init__(self, name: str) -> None:
        self.name, self.alive = name, True
        self.died_of: BaseException | None = None
        # A dictionary, because a set's order is that of addresses, which no seed replays.
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        context = copy_context()
        context.run(_CURRENT.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def serve(self, work: Coroutine[Any, Any, Any]) -> None:
        """Starts what ends only by a bug of ours."""
        self.start(work).add_done_callback(self._ended)

    def kill(self) -> None:
        """As SIGKILL: nothing that it does from now on has an effect, for `check` stands before all effects."""
        self.alive = False
        for task in list(self._tasks):
            task.cancel()

    def check(self) -> None:
        """Every effect on what outlives the process asks first."""
        if not self.alive:
            raise asyncio.CancelledError

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))
        if not self.alive:
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self.alive and not task.cancelled():
            self.died_of = task.exception() or AssertionError(f"{self.name} ended by itself")


def adopting(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T] | Generator[Any, None, T],
    context: Context | None = None,
) -> asyncio.Task[T]:
    """A task factory: each task belongs to the process that started it."""
    task: asyncio.Task[T] = asyncio.Task(work, loop=loop, context=context)
    process = context.get(_CURRENT) if context is not None else _CURRENT.get()
    if process is not None:
        process.adopt(task)
    return task

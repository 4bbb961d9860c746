"""Cancellation: whose it is, asyncio's own or that of a library which gave something up; and what outlasts it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def is_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs; otherwise a CancelledError in it is a library's."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def to_the_end(work: Awaitable[T]) -> T:
    """The result of `work`. A caller that is cancelled still waits for its end: nothing goes on behind its back."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # or asyncio would tell that nobody asked for it
        raise

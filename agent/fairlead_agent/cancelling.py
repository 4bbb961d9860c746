"""Whose cancellation it is: asyncio's own, or one that a library raises for something that it gave up itself."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether somebody has cancelled the task that runs; otherwise a CancelledError in it is a library's."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0

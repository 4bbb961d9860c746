"""An event loop whose clock jumps: an hour of waiting takes as long as what happens in it. No threads, no sockets."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
LEAST_SECONDS = 1e-9


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, it moves the clock of its loop."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits, and no timer is set: this would wait for ever")
        # Thinking takes time too: who waits for less than the clock can tell apart must not wait for ever.
        self.loop.moment += max(timeout, LEAST_SECONDS)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`moment` is its time in seconds, from 0."""

    def __init__(self) -> None:
        self.moment = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.moment


def virtually(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` to its end on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)

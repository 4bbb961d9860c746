"""What happened on the node, for the event log: kept while the controller is away, the oldest dropped first."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

_KEPT = 200


@dataclass(frozen=True)
class Happening:
    """`kind` is a short name such as "container-died"; `message` one sentence; `component` may be empty."""

    kind: str
    message: str
    component: str = ""
    happened_ms: int = 0


class Happenings:
    """A queue from the loop to whichever session is open."""

    def __init__(self) -> None:
        self._waiting: deque[Happening] = deque(maxlen=_KEPT)
        self._news = asyncio.Event()

    def add(self, happening: Happening) -> None:
        self._waiting.append(happening)
        self._news.set()

    async def next(self) -> Happening:
        """The oldest one; it stays until `told`."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting[0]

    def told(self, happening: Happening) -> None:
        if self._waiting and self._waiting[0] is happening:
            self._waiting.popleft()

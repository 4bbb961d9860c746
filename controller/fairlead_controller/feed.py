"""In-process news: whoever follows a topic wakes when it changed, and reads the new state from where it is kept.

A topic carries a number, not messages: a slow follower skips what it missed and nothing piles up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Feed:
    """Topics used: "events", "operation/ID"."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def version(self, topic: str) -> int:
        return self._versions[topic]

    def publish(self, topic: str) -> None:
        self._versions[topic] += 1
        for future in self._waiting.pop(topic, set()):
            if not future.done():
                future.set_result(None)

    async def changed(self, topic: str, version: int) -> int:
        """Returns the topic's version once it is above `version`."""
        while self._versions[topic] <= version:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[topic].add(future)
            try:
                await future
            finally:
                self._waiting[topic].discard(future)
        return self._versions[topic]

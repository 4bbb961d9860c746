"""Who was heard of in time: three missed heartbeats make a node unreachable, whatever ended them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping


class Presence:
    """`lost(node_id)` is called once each time a node's time has run out. Intervals run on the loop's own clock."""

    def __init__(self, now: Callable[[], float], lost: Callable[[str], None]) -> None:
        self._now, self._lost = now, lost
        self._due: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._seen: dict[str, float] = {}

    def heard(self, node_id: str, within: float) -> None:
        """A message came; the next is due `within` seconds."""
        loop = asyncio.get_running_loop()
        self._seen[node_id] = self._now()
        self._due[node_id] = loop.time() + within
        if node_id not in self._timers:
            self._timers[node_id] = loop.call_at(self._due[node_id], self._check, node_id)

    def present(self) -> frozenset[str]:
        return frozenset(self._timers)

    def last_seen(self) -> Mapping[str, float]:
        return dict(self._seen)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _check(self, node_id: str) -> None:
        loop = asyncio.get_running_loop()
        if self._due[node_id] > loop.time():
            self._timers[node_id] = loop.call_at(self._due[node_id], self._check, node_id)
            return
        del self._timers[node_id]
        self._lost(node_id)

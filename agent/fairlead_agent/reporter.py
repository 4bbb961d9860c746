"""Keeps the newest observation of each subject and hands out only news, in batches.

The newest wins: what a slow controller missed in between is never sent. Each session is told everything anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

# What happens together is told together: at bring-up ten components change within one blink.
COALESCE_SECONDS = 0.02

Identity = tuple[Subject, str]


class Reporter:
    """One for an agent; `observed` is called by the loop, `batch` by the session that is open.

    `newest`: what was observed last, by subject.
    """

    def __init__(self, coalesce: float = COALESCE_SECONDS) -> None:
        self._coalesce = coalesce
        self.newest: dict[Identity, Observation] = {}
        self._raw: dict[Identity, Observation] = {}
        self._told: dict[Identity, Observation] = {}
        self._sequence = 0
        self._revision = 0
        self._news = asyncio.Event()

    def observed(self, revision: int, observations: Iterable[Observation], wall: float) -> None:
        """All that is known now, at assignment `revision`; `wall`: seconds since 1970."""
        if revision != self._revision:
            # A new revision may be a new try: what has failed still, or again, is told again.
            self._told = {key: item for key, item in self._told.items() if item.state is not TaskState.FAILED}
        self._revision = revision
        stamp = int(wall * 1000)
        raw = {item.identity: item for item in observations}
        seen = {key: self._stamped(key, item, stamp) for key, item in raw.items()}
        gone = {
            key: self._stamped(key, replace(item, state=TaskState.REMOVED, message=""), stamp)
            for key, item in self.newest.items()
            if key not in seen and item.subject is Subject.ORPHAN
        }
        self._raw, self.newest = raw, {**seen, **gone}
        # What is seen again after it was gone is news: the controller may have forgotten it in between.
        self._told = {key: item for key, item in self._told.items() if key in self.newest}
        if self._pending():
            self._news.set()

    def begin_session(self) -> None:
        """Forgets what was told before: it was told to another session."""
        self._told, self._sequence = {}, 0
        self._news.set() if self.newest else self._news.clear()

    async def batch(self) -> tuple[int, tuple[Observation, ...]]:
        """Waits for news; the revision that they refer to, and the newest observation of each changed subject."""
        while True:
            await self._news.wait()
            await asyncio.sleep(self._coalesce)
            self._news.clear()
            if pending := self._pending():
                return self._revision, tuple(self._numbered(item) for item in pending)

    def _stamped(self, key: Identity, item: Observation, stamp: int) -> Observation:
        """What is no news keeps the moment at which it was; mostly it is the very object that was seen before."""
        before = self.newest.get(key)
        if before is not None and self._raw.get(key) is item:
            return before
        if before is not None and _same_news(before, item):
            return before
        return replace(item, observed_ms=stamp)

    def _pending(self) -> list[Observation]:
        return [item for key, item in self.newest.items() if not _same_news(self._told.get(key), item)]

    def _numbered(self, observation: Observation) -> Observation:
        self._sequence += 1
        self._told[observation.identity] = observation
        return replace(observation, sequence=self._sequence)


def _same_news(before: Observation | None, item: Observation) -> bool:
    """Mostly they are the very same object, which is all that has to be looked at."""
    if before is item:
        return True
    return (
        before is not None
        and before.state is item.state
        and before.hash == item.hash
        and before.message == item.message
        and before.restarts == item.restarts
    )

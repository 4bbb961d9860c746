"""What agents last saw: the newest of each subject in memory, written behind in batches.

Late news is dropped: of an older session, or with a lower number within one. News is shown, and wakes the node's
cluster, once it is written: so the log tells things in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType

import structlog

from fairlead_controller.dispatch.background import Background
from fairlead_controller.dispatch.news import Change, Happened, write_news
from fairlead_controller.events import Causes
from fairlead_controller.feed import Feed
from fairlead_controller.model.voided import is_void
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.assignment import Observation, Subject

_log = structlog.get_logger(__name__)

Identity = tuple[Subject, str]

BATCH_SECONDS = 0.05
RETRY_SECONDS = 1.0
CLOSE_SECONDS = 2.0
# A node has some 15 tasks, 40 files and 60 objects; what goes far beyond is an agent that went wrong.
MOST_SUBJECTS = 4096
LONGEST_MESSAGE = 2000
_NOTHING: Mapping[Identity, Observation] = MappingProxyType({})
_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")


class ObservationBook:
    """An ObservationView. Loaded at the start, fed by sessions."""

    def __init__(
        self, store: Store, feed: Feed, clock: Clock, causes: Causes, batch_seconds: float = BATCH_SECONDS
    ) -> None:
        self._store, self._feed, self._clock, self._causes = store, feed, clock, causes
        self._batch_seconds = batch_seconds
        self._taken: dict[str, dict[Identity, Observation]] = {}
        self._written: dict[str, Mapping[Identity, Observation]] = {}
        self._left: set[str] = set()
        self._epochs: dict[str, int] = {}
        self._numbers: dict[str, dict[Identity, int]] = {}
        self._pending: list[Change | Happened] = []
        self._background = Background()
        self._flushing = False
        self.wake: Callable[[str], None] = lambda cluster: None

    async def load(self) -> None:
        """What was written before this controller started."""

        def work(repositories: Repositories) -> dict[str, dict[Identity, Observation]]:
            ids = [node.id for node in repositories.nodes.all()]
            return {id: {item.identity: item for item in repositories.observations.of(id)} for id in ids}

        self._taken = await self._store.read(work)
        self._written = {node_id: MappingProxyType(dict(seen)) for node_id, seen in self._taken.items()}

    def of(self, node_id: str) -> Mapping[Identity, Observation]:
        """What is written: nobody decides on news before the log has it. The same object until there is news."""
        return self._written.get(node_id, _NOTHING)

    def begin(self, node_id: str, epoch: int) -> None:
        """A new session: its numbers start again, and nothing of an older one counts from now on."""
        if epoch > self._epochs.get(node_id, 0):
            self._epochs[node_id], self._numbers[node_id] = epoch, {}

    def take(self, node_id: str, epoch: int, observations: Iterable[Observation]) -> None:
        """News from a session, in order."""
        if epoch < self._epochs.get(node_id, 0):
            return
        for observation in observations:
            self._take(node_id, observation)

    def tell(self, node_id: str, kind: str, component: str, message: str) -> None:
        """A happening for the event log."""
        known = kind if _KIND.fullmatch(kind) else "node-told"
        cause = self._causes.of(node_id, component)
        self._put(Happened(node_id, known, component[:64], message[:LONGEST_MESSAGE], cause))

    def forget(self, node_id: str) -> None:
        """The node left its cluster: nothing that was seen of it counts any more."""
        self._taken.pop(node_id, None)
        self._written.pop(node_id, None)
        self._left.add(node_id)
        self._pending = [item for item in self._pending if item.node_id != node_id]
        self._causes.forget(node_id)

    def forget_subjects(self, node_id: str, identities: frozenset[Identity]) -> None:
        """These are done anew there: nothing is known of them until their agent tells of them again. What it told since
        they were looked at stays."""
        self._taken[node_id] = _without(self._taken.get(node_id, {}), identities)
        self._written[node_id] = MappingProxyType(_without(self.of(node_id), identities))

    async def flush(self) -> None:
        """Returns when everything taken so far is written and its clusters are woken."""
        while self._pending:
            batch, self._pending = self._pending, []
            self._left.clear()
            try:
                clusters = await self._store.note(partial(write_news, batch=batch, at=self._clock.now()))
            except BaseException:
                self._pending = batch + self._pending
                raise
            self._show(batch)
            self._feed.publish("events")
            for cluster in sorted(clusters):
                self.wake(cluster)

    def _show(self, batch: Iterable[Change | Happened]) -> None:
        news: dict[str, dict[Identity, Observation]] = {}
        for item in batch:
            if isinstance(item, Change) and item.node_id not in self._left:
                news.setdefault(item.node_id, {})[item.now.identity] = item.now
        for node_id, seen in news.items():
            self._written[node_id] = MappingProxyType({**self.of(node_id), **seen})

    async def close(self) -> None:
        """Writes what is left, then ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._background.idle()
        await self._background.close()
        await self.flush()

    def _take(self, node_id: str, observation: Observation) -> None:
        numbers = self._numbers.setdefault(node_id, {})
        if observation.sequence <= numbers.get(observation.identity, -1):
            return
        taken = self._taken.setdefault(node_id, {})
        before = taken.get(observation.identity)
        if before is None and len(taken) >= MOST_SUBJECTS:
            _log.warning("a node reports too many subjects", node=node_id, subject=observation.name[:80])
            return
        numbers[observation.identity] = observation.sequence
        taken[observation.identity] = observation
        if not observation.same_news(before):
            self._put(Change(node_id, before, observation, self._causes.of(node_id, observation.name)))

    def _put(self, item: Change | Happened) -> None:
        self._pending.append(item)
        if not self._flushing:
            self._flushing = True
            self._background.start(self._flush_soon(), "write observations")

    async def _flush_soon(self) -> None:
        delay = self._batch_seconds
        try:
            while self._pending:
                await asyncio.sleep(delay)
                delay = await self._flushed()
        finally:
            self._flushing = False

    async def _flushed(self) -> float:
        """Tries; the seconds to the next try."""
        try:
            await self.flush()
        except Exception:
            _log.exception("observations could not be written; they are kept and tried again")
            return RETRY_SECONDS
        return self._batch_seconds


def _without(seen: Mapping[Identity, Observation], identities: frozenset[Identity]) -> dict[Identity, Observation]:
    return {key: item for key, item in seen.items() if key not in identities or not is_void(item)}

"""The loop: snapshot → plan → moves → store → wake the sessions. One task for each cluster, and no polling.

Level-triggered: a round looks at what is, not at what happened, so it may be repeated or interrupted at any point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from fairlead_controller.adoption import seen_as_held
from fairlead_controller.dispatch.background import Background
from fairlead_controller.events import Causes
from fairlead_controller.feed import Feed
from fairlead_controller.forgetting import Identity
from fairlead_controller.model.event import Event
from fairlead_controller.model.node import Fleet
from fairlead_controller.model.operation import Operation, Step
from fairlead_controller.model.snapshot import Cluster, Material, Snapshot
from fairlead_controller.operations import Since
from fairlead_controller.pki.cluster import material
from fairlead_controller.ports import Clock, ObservationView, Sessions
from fairlead_controller.rounds import OutdatedError, Written, think, write
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.assignment import Assignment
from fairlead_wire.backoff import delays

_log = structlog.get_logger(__name__)


class ObservationMemory(ObservationView, Protocol):
    """What agents last saw, and the forgetting of it."""

    def forget(self, node_id: str) -> None: ...

    def forget_subjects(self, node_id: str, identities: frozenset[Identity]) -> None: ...


class Wake:
    """The bell of one cluster's loop: many rings before it looks are one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._cause_id = 0

    @property
    def is_rung(self) -> bool:
        return self._rung.is_set()

    def ring(self, cause_id: int) -> None:
        self._cause_id = cause_id or self._cause_id
        self._rung.set()

    async def rung(self) -> int:
        """The event that caused the newest ring that named one."""
        await self._rung.wait()
        self._rung.clear()
        return self._cause_id


class ClusterReconciler:
    """Implements the Reconciler port."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        clock: Clock,
        sessions: Sessions,
        observations: ObservationMemory,
        causes: Causes,
    ) -> None:
        self._store, self._feed, self._clock = store, feed, clock
        self._sessions, self._observations, self._causes = sessions, observations, causes
        self._since = Since(clock.now)
        self._wakes: dict[str, Wake] = {}
        self._background = Background()

    async def start(self) -> None:
        """Looks at every cluster once."""
        for cluster in await self._store.read(lambda repositories: repositories.clusters.all()):
            self.wake(cluster.name)

    async def close(self) -> None:
        await self._background.close()

    def wake(self, cluster: str, cause_id: int = 0) -> None:
        if cluster not in self._wakes:
            self._wakes[cluster] = Wake()
            self._background.start(self._follow(cluster, self._wakes[cluster]), f"reconcile {cluster}")
        self._wakes[cluster].ring(cause_id)

    async def snapshot(self, cluster: Cluster) -> Snapshot:
        """One consistent read of the store, with what is seen and who is connected at this moment."""
        fleet, matter, held = await self._store.read(partial(_read, name=cluster.name))
        observed = {node_id: self._observations.of(node_id) for node_id in held}
        reachable = self._sessions.reachable()
        connected = replace(fleet, reachable=reachable, observed_only=self._sessions.connected() - reachable)
        return Snapshot(cluster, connected, matter, seen_as_held(held, self._sessions.ahead()), observed)

    async def operation_view(self, operation: Operation) -> tuple[Operation, tuple[Step, ...]]:
        """The operation with its steps as they are now; none once its cluster is removed."""
        cluster = await self._store.read(lambda repositories: repositories.clusters.get(operation.cluster))
        if cluster is None:
            return operation, ()
        progress = think(await self.snapshot(cluster)).progress
        return operation, self._since.stamped(cluster.name, progress.steps)

    async def _follow(self, name: str, wake: Wake) -> None:
        waits = _waits(self._clock)
        failure = ""
        while True:
            cause_id = await wake.rung()
            try:
                known = await self._round(name, cause_id)
            except Exception as error:
                failure = await self._failed(name, error, failure)
                await asyncio.sleep(next(waits))
                wake.ring(cause_id)
                continue
            waits, failure = _waits(self._clock), ""
            if not known and not wake.is_rung:
                del self._wakes[name]
                return

    async def _round(self, name: str, cause_id: int) -> bool:
        """One look and what follows from it; whether the cluster still exists."""
        cluster = await self._store.read(lambda repositories: repositories.clusters.get(name))
        if cluster is None:
            return False
        round = think(await self.snapshot(cluster))
        if round.snapshot.fleet.unconfirmed:
            self._since.stamped(name, round.progress.steps)
            return True
        try:
            written = await self._store.write(partial(write, round=round, cause_id=cause_id, at=self._clock.now()))
        except OutdatedError:
            self.wake(name, cause_id)
            return True
        self._since.stamped(name, round.progress.steps)
        self._spread(name, cause_id, written)
        return not written.gone

    def _spread(self, name: str, cause_id: int, written: Written) -> None:
        """Tells everybody whom it concerns, in an order that the same world always gives."""
        for begun in written.begun:
            self._causes.began(begun.move.node_id, begun.move.component, begun.event_id)
        for node_id in sorted(written.released):
            self._observations.forget(node_id)
        for node_id, identities in written.forgotten.items():
            self._observations.forget_subjects(node_id, identities)
        for node_id in sorted(written.touched):
            self._sessions.push(node_id)
        if written.operation is not None:
            self._feed.publish(f"operation/{written.operation.id}")
        if written.told:
            self._feed.publish("events")
        if written.released:
            self._wake_others(name)
        if written.gone:
            self._since.forget(name)
        elif written.begun:
            self.wake(name, cause_id)

    def _wake_others(self, name: str) -> None:
        """Another cluster may be waiting for just the servers that this one gave up."""
        for other in [each for each in self._wakes if each != name]:
            self.wake(other)

    async def _failed(self, name: str, error: Exception, before: str) -> str:
        """Logs a failed round, as an event too if it is a new failure; the sentence that was told."""
        said = f"Planning for cluster {name} failed and is tried again: {type(error).__name__}: {error}"[:500]
        if said != before:
            _log.error("a round of reconcile failed", cluster=name, exc_info=error)
            event = Event("reconcile-failed", said, name)
            try:
                await self._store.write(lambda repositories: repositories.events.append(event, self._clock.now()))
            except Exception:
                _log.exception("the failure could not be stored", cluster=name)
            self._feed.publish("events")
        return said


def _read(repositories: Repositories, name: str) -> tuple[Fleet, Material, dict[str, Assignment]]:
    """Also what free nodes hold: revisions of a node go on rising from one cluster to the next."""
    record = repositories.fleets.get()
    unconfirmed = record is not None and record.restored_at > 0
    fleet = Fleet(repositories.nodes.all(), repositories.claims.all(), unconfirmed=unconfirmed)
    elsewhere = {claim.node_id for claim in fleet.claims if claim.cluster != name}
    held = {node.id: repositories.assignments.get(node.id) for node in fleet.nodes if node.id not in elsewhere}
    return fleet, material(repositories, name), held


def _waits(clock: Clock) -> Iterator[float]:
    return delays(lambda: int.from_bytes(clock.random_bytes(4)) / 2**32)

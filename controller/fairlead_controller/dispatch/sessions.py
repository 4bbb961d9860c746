"""All sessions: at most one a node, the newest; and who has missed three heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from fairlead.agent.v1 import images_pb2
from fairlead_controller.dispatch.ahead import AheadBook
from fairlead_controller.dispatch.background import Background
from fairlead_controller.dispatch.greeting import Greeted, greet
from fairlead_controller.dispatch.observations import ObservationBook
from fairlead_controller.dispatch.presence import Presence
from fairlead_controller.dispatch.seeds import SeedBook
from fairlead_controller.dispatch.session import Session
from fairlead_controller.feed import Feed
from fairlead_controller.model.event import Event
from fairlead_controller.model.seed import Seed
from fairlead_controller.ports import Ahead, Clock, FleetImages
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.assignment import Observation


@dataclass(frozen=True)
class SessionSettings:
    """Seconds. SwarmKit's figures: a period of 5 s ± 0.5 s, lost after three (moby/swarmkit, manager/dispatcher)."""

    heartbeat: float = 5.0
    jitter: float = 0.5
    missed: int = 3
    hello: float = 10.0


class SessionBook:
    """Implements the Sessions port, and is the inbox of every session."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        clock: Clock,
        observations: ObservationBook,
        settings: SessionSettings,
        images: FleetImages,
    ) -> None:
        self._store, self._feed, self._clock = store, feed, clock
        self._observations, self._settings = observations, settings
        self.seeds = SeedBook(store, feed, clock, images, self.reachable, self._images_changed_for)
        self._current: dict[str, Session] = {}
        self._observed_only: set[str] = set()
        self._presence = Presence(clock.now, self._lost)
        self._ahead = AheadBook(self._told)
        self._background = Background()
        self.wake: Callable[[str], None] = lambda cluster: None
        images.on_change(self.images_changed)
        images.on_change(self.seeds.look)

    def reachable(self) -> frozenset[str]:
        """Nodes heard of in time, without those that may only be observed: nothing is planned on them."""
        return self._presence.present() - self._observed_only

    def connected(self) -> frozenset[str]:
        return self._presence.present()

    def ahead(self) -> Mapping[str, Ahead]:
        return self._ahead.all()

    def begin_again(self) -> None:
        for session in tuple(self._current.values()):
            if session.observed_only:
                session.end("The controller has to look at this agent anew.", "It comes back by itself.")

    def last_seen(self) -> Mapping[str, float]:
        return self._presence.last_seen()

    def zone_seeds(self) -> Mapping[str, Seed]:
        return self.seeds.all()

    def push(self, node_id: str) -> None:
        if (session := self._current.get(node_id)) is not None:
            session.push()

    def session(self, node_id: str) -> Session | None:
        """The node's session at this moment."""
        return self._current.get(node_id)

    async def awaited(self, node_id: str, timeout: float) -> Session | None:
        """The node's session; the next one, within `timeout` seconds, if one has just ended and its agent is expected
        back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.session(node_id) is None and node_id in self.connected():
                    await self._feed.changed("events", self._feed.version("events"))
        return self.session(node_id)

    async def begin(self, node_id: str, greeted: Greeted, key_digest: str) -> Session:
        """The node's next session; the one before it is ended."""
        now = self._clock.now()
        greeting = await self._store.note(
            partial(greet, node_id=node_id, greeted=greeted, key_digest=key_digest, now=now)
        )
        newest = partial(self._store.read, lambda repositories: repositories.assignments.get(node_id))
        session = Session(greeting, self._heartbeat(), newest, self, partial(self.seeds.sources, greeting.node))
        self._replace(session)
        self.heard(session)
        self.seeds.begun(node_id)
        self._feed.publish("events")
        for cluster in sorted(greeting.clusters):
            self.wake(cluster)
        return session

    def detach(self, session: Session) -> None:
        """The session has ended; its node has until the third heartbeat to come back."""
        self._ahead.end(session)
        if self._current.get(session.node_id) is session:
            del self._current[session.node_id]

    def heard(self, session: Session) -> None:
        if self._current.get(session.node_id) is session:
            self._presence.heard(session.node_id, session.heartbeat * self._settings.missed)

    def observed(self, session: Session, observations: Iterable[Observation]) -> None:
        self._observations.take(session.node_id, session.epoch, observations)

    def happened(self, session: Session, kind: str, component: str, message: str) -> None:
        self._observations.tell(session.node_id, kind, component, message)

    def seed_reported(self, session: Session, report: images_pb2.SeedReport) -> None:
        if self._current.get(session.node_id) is session:
            self.seeds.reported(session.node_id, report)

    async def close(self) -> None:
        """Ends every session: agents come back to whoever answers next."""
        self._presence.close()
        for session in tuple(self._current.values()):
            session.end("The controller is being stopped.", "Try again: it is expected back.")
        await self._ahead.close()
        await self.seeds.close()
        await self._background.close()

    def _replace(self, session: Session) -> None:
        before = self._current.get(session.node_id)
        if before is not None and before.epoch > session.epoch:
            session.end("A newer session of this node took its place.", "End one of the two agents.")
            return
        self._current[session.node_id] = session
        (self._observed_only.add if session.observed_only else self._observed_only.discard)(session.node_id)
        self._observations.begin(session.node_id, session.epoch)
        self._ahead.begin(session)
        if before is not None:
            before.end(
                "A newer session of this node took its place.",
                "If two servers share this identity, enrol one of them again.",
            )

    def _heartbeat(self) -> float:
        random = int.from_bytes(self._clock.random_bytes(4)) / 2**32
        return self._settings.heartbeat + self._settings.jitter * (2 * random - 1)

    def images_changed(self) -> None:
        """Has every agent told where images are to be had now."""
        self._images_changed_for(self._current.keys())

    def _images_changed_for(self, nodes: Collection[str]) -> None:
        for session in filter(None, map(self._current.get, nodes)):
            session.images_changed()

    def _told(self, node_id: str) -> None:
        """What a node is taken to hold has changed: plans that are shown look different."""
        self._feed.publish("events")

    def _lost(self, node_id: str) -> None:
        if (session := self._current.get(node_id)) is not None:
            session.end("Three heartbeats were missed.", "Look at the agent's log and at the network between.")
        self.seeds.lost(node_id)
        self._background.start(self._tell_lost(node_id), f"node {node_id} is unreachable")

    async def _tell_lost(self, node_id: str) -> None:
        seen, now = self._presence.last_seen().get(node_id, 0.0), self._clock.now()
        clusters = await self._store.note(partial(_record_lost, node_id=node_id, seen=seen, now=now))
        self._feed.publish("events")
        for cluster in sorted(clusters):
            self.wake(cluster)


def _record_lost(repositories: Repositories, node_id: str, seen: float, now: float) -> frozenset[str]:
    repositories.nodes.touch({node_id: seen})
    node = repositories.nodes.get(node_id)
    clusters = frozenset(claim.cluster for claim in repositories.claims.all() if claim.node_id == node_id)
    if node is not None:
        message = f"{node.name} missed three heartbeats and is unreachable; what runs on it is left as it is."
        repositories.events.append(Event("node-unreachable", message, next(iter(clusters), ""), node.name), now)
    return clusters

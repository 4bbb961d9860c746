"""The seeds of all zones: who is to be one, where it answers, and whose agents have to be told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import structlog

from fairlead.agent.v1 import images_pb2
from fairlead_controller.dispatch.background import Background
from fairlead_controller.dispatch.image_sources import sources_message
from fairlead_controller.feed import Feed
from fairlead_controller.model.event import Event
from fairlead_controller.model.node import Node
from fairlead_controller.model.seed import NOBODY, Seed
from fairlead_controller.plan.catalogue import REGISTRY_IMAGE
from fairlead_controller.plan.seeds import seeds, zone_of
from fairlead_controller.ports import Clock, FleetImages
from fairlead_controller.store.port import Store

SEED_PORT = 7073
_log = structlog.get_logger(__name__)


class SeedBook:
    """`able`: nodes on which something may be begun now; `tell` has these nodes' agents told anew where images are."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        clock: Clock,
        images: FleetImages,
        able: Callable[[], frozenset[str]],
        tell: Callable[[Collection[str]], None],
    ) -> None:
        self._store, self._feed, self._clock, self._images = store, feed, clock, images
        self._able, self._tell = able, tell
        self._background = Background()
        self._answering: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._current: Mapping[str, Seed] = {}
        self._stale = self._looking = False

    def begun(self, node_id: str) -> None:
        """A new session: what failed before may go now."""
        self._failed.pop(node_id, None)
        self.look()

    def lost(self, node_id: str) -> None:
        """Nobody can count on it any more."""
        self._answering.pop(node_id, None)
        self.look()

    def reported(self, node_id: str, report: images_pb2.SeedReport) -> None:
        """A node that can't be one lets the next take its place, until its next session."""
        before = self._answering.pop(node_id, ""), self._failed.pop(node_id, "")
        if report.at:
            self._answering[node_id] = report.at
        else:
            self._failed[node_id] = report.reason
        if before == (report.at, report.reason):
            return
        self._background.start(self._record(node_id, report), f"seed {node_id} reports")
        self.look()

    def look(self) -> None:
        """Something changed that seeds depend on. However often it is called, few looks follow."""
        self._stale = True
        if not self._looking:
            self._looking = True
            self._background.start(self._look(), "seeds are chosen")

    async def sources(self, node: Node) -> images_pb2.ImageSources:
        """All that a node's agent is told now."""
        registries = await self._store.read(lambda repositories: repositories.registries.all())
        seed = self._current.get(zone_of(node), NOBODY)
        return sources_message(self._images, registries, seed.at, self._seeding(node, seed))

    def is_seed(self, node: Node) -> bool:
        return self._current.get(zone_of(node), NOBODY).node_id == node.id

    def all(self) -> Mapping[str, Seed]:
        """By zone."""
        return self._current

    async def close(self) -> None:
        await self._background.close()

    def _seeding(self, node: Node, seed: Seed) -> images_pb2.Seeding | None:
        """None leaves the node as it is: while nothing may be begun there, and while there is no registry to serve."""
        if not self._images.registry or node.id not in self._able():
            return None
        if seed.node_id != node.id:
            return images_pb2.Seeding()
        return images_pb2.Seeding(
            wanted=True, image=REGISTRY_IMAGE, address=node.address, port=SEED_PORT, source=self._images.registry
        )

    async def _look(self) -> None:
        try:
            while self._stale:
                self._stale = False
                nodes = await self._store.read(lambda repositories: repositories.nodes.all())
                self._take(nodes)
        finally:
            self._looking = False

    def _take(self, nodes: Iterable[Node]) -> None:
        members = tuple(nodes)
        before, self._current = self._current, self._chosen(members)
        changed = {zone for zone in before.keys() | self._current.keys() if before.get(zone) != self._current.get(zone)}
        if changed:
            self._tell([node.id for node in members if zone_of(node) in changed])

    def _chosen(self, nodes: Iterable[Node]) -> Mapping[str, Seed]:
        """Nobody where the fleet has no image that a seed could run. Nor a node at the registry's own address: it would
        get a certificate for that, and has the registry beside it anyway."""
        if REGISTRY_IMAGE not in self._images.all():
            return {}
        beside = self._images.registry.rpartition(":")[0]
        chosen = seeds((node for node in nodes if node.address != beside), self._able() - self._failed.keys())
        return {zone: Seed(node_id, self._answering.get(node_id, "")) for zone, node_id in chosen.items()}

    async def _record(self, node_id: str, report: images_pb2.SeedReport) -> None:
        node = await self._store.read(lambda repositories: repositories.nodes.get(node_id))
        if node is None:
            return
        event = _event(node, report)
        _log.info(event.kind, node=node.name, at=report.at, why=report.reason)
        await self._store.note(lambda repositories: repositories.events.append(event, self._clock.now()))
        self._feed.publish("events")


def _event(node: Node, report: images_pb2.SeedReport) -> Event:
    where = f"zone {zone_of(node)}" if zone_of(node) else "nodes without a zone"
    if report.at:
        return Event("seed-serves", f"{node.name} gives the fleet's images to {where}, at {report.at}.", "", node.name)
    sentence = f"{node.name} can't give the fleet's images to {where}: {report.reason}"
    return Event("seed-failed", f"{sentence.rstrip('.')}.", "", node.name)

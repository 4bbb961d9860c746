"""What a session does with the newest word on images: Docker trusts the registries, and the node is a seed or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from fairlead.agent.v1 import images_pb2
from fairlead_agent.effects import HostFailure
from fairlead_agent.image_sources import ToldImages

Tell = Callable[[images_pb2.SeedReport], Awaitable[None]]


class Seed(Protocol):
    """Who makes this node the seed of its zone."""

    async def keep(self, wish: images_pb2.Seeding, tell: Tell) -> None: ...


class SessionImages:
    """`begin` runs something for as long as the session lasts; `happened`: kind and sentence for the event log."""

    def __init__(
        self,
        images: ToldImages | None,
        seed: Seed | None,
        begin: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        happened: Callable[[str, str], None],
        tell: Tell,
    ) -> None:
        self._images, self._seed, self._begin, self._happened, self._tell = images, seed, begin, happened, tell
        self._settling: asyncio.Task[None] | None = None
        self._seeding: asyncio.Task[None] | None = None

    def take(self, message: images_pb2.ImageSources) -> None:
        """Counts from now on; what was begun for the one before is left."""
        if self._images is not None:
            self._images.take(message)
            self._settling = self._instead(self._settling, self._settle(self._images))
        if self._seed is not None and message.HasField("seeding"):
            self._seeding = self._instead(self._seeding, self._seed.keep(message.seeding, self._tell))

    def _instead(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if before is not None:
            before.cancel()
        return self._begin(work)

    async def _settle(self, images: ToldImages) -> None:
        """Without it images come from elsewhere, so the session goes on."""
        try:
            await images.settle()
        except HostFailure as failure:
            self._happened("registry-not-trusted", f"Docker can't be given the fleet's registry: {failure}.")

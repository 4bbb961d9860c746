"""Keeps the list of images that this agent fetched, and removes those that nothing has needed for long.

Docker itself refuses to remove an image that a container uses, so what runs is safe even from a fault of ours.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from fairlead_agent import durable, image_ages
from fairlead_agent.image_ages import Looked
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_agent.view import Memory
from fairlead_wire.references import full_reference
from fairlead_wire.task_images import images_of

LOOK_SECONDS = 3600.0
FILE = "images.json"
_log = logging.getLogger(__name__)


class Images(Protocol):
    """What is asked of the runtime."""

    async def forget_image(self, reference: str) -> None: ...


class ImageKeeper:
    """`share`: of the disk that Docker's data is on, 0 to 1; `told`: kind and sentence for the event log."""

    def __init__(
        self,
        images: Images,
        state: Path,
        memory: Callable[[], Memory],
        share: Callable[[], float],
        wall: Callable[[], float],
        told: Callable[[str, str], None] = lambda kind, sentence: None,
    ) -> None:
        self._images, self._file, self._memory = images, state / FILE, memory
        self._share, self._wall, self._told = share, wall, told
        self._changing = asyncio.Lock()

    async def fetched(self, reference: str) -> None:
        """It came by us, and may go by us. A list that can't be written makes nobody wait for an image."""
        async with self._changing:
            try:
                ages = await asyncio.to_thread(self._load)
                ages[full_reference(reference)] = self._wall()
                await asyncio.to_thread(self._save, ages)
            except OSError as error:
                _log.warning("%s is not on the list of fetched images, and will stay: %s", reference, error)

    async def run(self) -> None:
        """Endless."""
        while True:
            try:
                await self.look()
            except OSError as error:
                _log.warning("images were not looked at: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> tuple[str, ...]:
        """Removes what has become old; what that was. Raises OSError."""
        async with self._changing:
            needed, now = needed_by(self._memory()), self._wall()
            before = await asyncio.to_thread(self._load)
            ages = image_ages.used(before, needed, now)
            share = await asyncio.to_thread(self._share)
            gone = [name for name in image_ages.removable(ages, Looked(needed, share), now) if await self._goes(name)]
            left = {reference: at for reference, at in ages.items() if reference not in gone}
            if left != before:
                await asyncio.to_thread(self._save, left)
            return tuple(gone)

    async def _goes(self, reference: str) -> bool:
        try:
            await self._images.forget_image(reference)
        except RuntimeFailure as failure:
            _log.info("%s stays: %s", reference, failure)
            return False
        self._told("image-removed", f"The image {reference} was removed: nothing here has needed it for long.")
        return True

    def _load(self) -> dict[str, float]:
        """A list that can't be read is no list: then images stay, which costs only room."""
        try:
            found = json.loads(durable.read(self._file) or b"{}")
            return {str(reference): float(at) for reference, at in found.items()}
        except (ValueError, AttributeError, TypeError):
            _log.warning("%s can't be read and is begun anew", self._file)
            return {}

    def _save(self, ages: dict[str, float]) -> None:
        durable.write(self._file, json.dumps(ages, indent=1, sort_keys=True).encode())


def needed_by(memory: Memory) -> Collection[str]:
    """Full references of what this node holds, and of what it would go back to."""
    tasks = [*memory.assignment.tasks, *(fallback.task for fallback in memory.fallbacks.values())]
    return frozenset(full_reference(reference) for task in tasks for reference in images_of(task))

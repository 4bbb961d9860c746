"""Getting images: from the fleet's registries in their order, else from the registry that the image's name says.

Docker does it, with its own client: it keeps what it has got when a pull is broken off, and takes only layers that it
lacks. From the fleet an image is pulled by the digest of its manifest, so no registry of it can give another one; it is
then known under its upstream name alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from fairlead.agent.v1 import images_pb2
from fairlead_agent.effects import HostFailure
from fairlead_agent.image_sources import KnownSources, Offered
from fairlead_agent.runtime.failures import not_pulled
from fairlead_agent.runtime.port import EngineAway, Login, NoSuchImage, Runtime, RuntimeFailure
from fairlead_wire.references import full_reference, registry_of, repository
from fairlead_wire.task import TaskSpec
from fairlead_wire.task_images import further_images

FETCH_SECONDS = 1800.0
TIDY_SECONDS = 600.0
"""A registry that is restarted, as with its controller, is gone for a moment and needs the same certificates again."""
BESIDE_SECONDS = 60.0
AVOID_SECONDS = 60.0
FULL = "no space left"
"""In what Docker says of a full disk (errno's own words)."""
_log = logging.getLogger(__name__)


class Trust(Protocol):
    async def keep(self, registries: Sequence[str]) -> None:
        """Docker can reach these. Raises HostFailure."""
        ...

    async def forget_others(self, registries: Sequence[str]) -> None:
        """Docker knows no others of the fleet. Raises HostFailure."""
        ...


@dataclass(frozen=True)
class Try:
    """A registry that did not give the image, and why."""

    registry: str
    reason: str


async def _told_nobody(reference: str) -> None:
    """For whoever keeps no list."""


class Fetching:
    """`refusal` gives "" or the sentence why this node's policy forbids an image that a person or program asks for;
    `came` is told of each image that was not here before."""

    def __init__(
        self,
        runtime: Runtime,
        sources: KnownSources | None = None,
        trust: Trust | None = None,
        refusal: Callable[[str], str] = lambda reference: "",
        came: Callable[[str], Awaitable[None]] = _told_nobody,
        tidy_seconds: float = TIDY_SECONDS,
    ) -> None:
        self._runtime, self._known, self._trust = runtime, sources or KnownSources(), trust
        self._refusal, self._came, self._tidy_seconds = refusal, came, tidy_seconds
        self._lanes: dict[str, tuple[asyncio.Lock, int]] = {}
        self._failed: dict[str, float] = {}

    def take(self, message: images_pb2.ImageSources) -> None:
        """What the controller told; counts from now on."""
        self._known.take(message)

    async def settle(self) -> None:
        """Makes Docker know the registries that were told last and, after a while, no others. Raises HostFailure."""
        if self._trust is not None:
            await self._trust.keep(self._known.newest.registries)
            await asyncio.sleep(self._tidy_seconds if self._known.allowed else 0.0)
            await self._trust.forget_others(self._known.newest.registries)

    async def present(self, references: Sequence[str]) -> tuple[str, ...]:
        """Those that are here, in their order."""
        found = await asyncio.gather(*map(self._runtime.has_image, references))
        return tuple(reference for reference, here in zip(references, found, strict=True) if here)

    async def ask(self, reference: str) -> None:
        """`ensure`, for whoever may ask for any image. Raises HostFailure if this node's policy forbids it."""
        if sentence := self._refusal(reference):
            raise HostFailure(sentence)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await self.ensure(reference)
        except TimeoutError:
            raise not_pulled(reference, f"it took longer than {FETCH_SECONDS:.0f} s") from None

    async def ensure(self, reference: str) -> None:
        """The image is here when this returns. Raises NoSuchImage with all that was tried; EngineAway."""
        async with self._alone(reference):
            if await self._runtime.has_image(reference):
                return
            tries = await self._from_fleet(reference)
            if tries is not None:
                await self._from_upstream(reference, tries)
            await self._came(reference)

    async def beside(self, task: TaskSpec) -> None:
        """Gets what the task's program would ask Docker for by itself, as far as the fleet has it.

        Nothing is raised: without them the program asks the registries that their names say, as it would anyway.
        """
        for reference in further_images(task):
            if self._known.newest.offered(reference) is None or self._refusal(reference):
                continue
            with suppress(TimeoutError, RuntimeFailure):
                async with asyncio.timeout(BESIDE_SECONDS), self._alone(reference):
                    if not await self._runtime.has_image(reference) and await self._from_fleet(reference) is None:
                        await self._came(reference)

    async def _from_fleet(self, reference: str) -> list[Try] | None:
        """None once it is here; else the registries that were tried, in vain."""
        sources, tries = self._known.newest, list[Try]()
        if (offered := sources.offered(reference)) is None:
            return tries
        for registry in self._in_order(sources.registries):
            try:
                await self._pull(registry, reference, offered)
            except EngineAway:
                raise
            except (RuntimeFailure, HostFailure) as failure:
                _log.info("%s from the fleet's registry %s: %s", reference, registry, failure)
                self._failed[registry] = asyncio.get_running_loop().time()
                tries.append(Try(registry, _reason(failure)))
            else:
                _log.info("%s came from the fleet's registry %s", reference, registry)
                return None
        return tries

    def _in_order(self, registries: Sequence[str]) -> list[str]:
        """The nearest first; those that have just failed last, since Docker may wait long for one that is gone."""
        long_ago = asyncio.get_running_loop().time() - AVOID_SECONDS
        return sorted(registries, key=lambda registry: self._failed.get(registry, long_ago) > long_ago)

    async def _pull(self, registry: str, reference: str, offered: Offered) -> None:
        if self._trust is not None:
            await self._trust.keep((registry,))
        name = f"{registry}/{repository(reference)}@{offered.digest}"
        await self._runtime.pull(name)
        try:
            found = await self._runtime.image_id(name)
            if not offered.is_it(found):
                raise NoSuchImage(f"it gave the image {found or '(none)'}, not {offered.image_id}")
            await self._runtime.tag(name, reference)
        finally:
            await self._forget(name)

    async def _forget(self, name: str) -> None:
        """It has its own name by then, so what a name too many is worth is a line in the log."""
        try:
            await self._runtime.forget_image(name)
        except RuntimeFailure as failure:
            _log.warning("the name %s stays: %s", name, failure)

    async def _from_upstream(self, reference: str, tries: Sequence[Try]) -> None:
        """From the mirrors of its registry, then from there."""
        sources = self._known.newest
        mirrors = list[Try]()
        for name in sources.mirrored(reference):
            try:
                await self._mirrored(name, reference, sources.login(name))
            except EngineAway:
                raise
            except RuntimeFailure as failure:
                _log.info("%s from the mirror as %s: %s", reference, name, failure)
                mirrors.append(Try(registry_of(name), _reason(failure)))
            else:
                _log.info("%s came from the mirror %s", reference, registry_of(name))
                return
        await self._as_named(reference, tries, mirrors)

    async def _mirrored(self, name: str, reference: str, login: Login | None) -> None:
        await self._runtime.pull(name, login)
        try:
            await self._runtime.tag(name, reference)
        finally:
            await self._forget(name)

    async def _as_named(self, reference: str, tries: Sequence[Try], mirrors: Sequence[Try]) -> None:
        sources = self._known.newest
        try:
            await self._runtime.pull(reference, sources.login(reference))
        except EngineAway:
            raise
        except RuntimeFailure as failure:
            if not sources.registries and not mirrors:
                raise
            raise NoSuchImage(in_vain(reference, tries, _reason(failure), mirrors)) from None

    @asynccontextmanager
    async def _alone(self, reference: str) -> AsyncIterator[None]:
        """One at a time for an image: who comes second finds it there."""
        name = full_reference(reference)
        lane, waiting = self._lanes.get(name, (asyncio.Lock(), 0))
        self._lanes[name] = lane, waiting + 1
        try:
            async with lane:
                yield
        finally:
            lane, waiting = self._lanes.pop(name)
            if waiting > 1:
                self._lanes[name] = lane, waiting - 1


def in_vain(reference: str, tries: Sequence[Try], upstream: str, mirrors: Sequence[Try] = ()) -> str:
    """One sentence with every try, and what to do next."""
    asked = [f"the mirror {each.registry} says: {each.reason}" for each in mirrors]
    own = "; ".join((*asked, f"its own registry {registry_of(reference)} says: {upstream}"))
    if not tries:
        return (
            f"the image {reference} is not in the fleet's registry, and {own}; give it to the fleet with "
            f"`fairlead bundle import FILE` or `fairlead images push {reference}`"
        )
    said = "; ".join(f"the fleet's registry {each.registry} says: {each.reason}" for each in tries)
    return f"the image {reference} can't be had: {said}; {own}; {_cure(tries, upstream)}, then it is tried again"


def _cure(tries: Sequence[Try], upstream: str) -> str:
    if any(FULL in reason for reason in (upstream, *(each.reason for each in tries))):
        return "make room on the disk of this server's Docker"
    return f"see that this server reaches {', '.join(each.registry for each in tries)}"


def _reason(failure: Exception) -> str:
    """Without the name, which the sentence has already."""
    reason = failure.reason if isinstance(failure, NoSuchImage) else ""
    return (reason or str(failure)).strip().rstrip(".")

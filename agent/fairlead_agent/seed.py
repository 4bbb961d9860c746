"""Keeps this node the seed of its zone while the controller wants it: a container that serves the fleet's images.

It belongs to no cluster and to no assignment: images are needed before there is a cluster. What it has is a cache;
whoever finds it gone asks the controller's registry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from fairlead.agent.v1 import images_pb2
from fairlead_agent import seed_container
from fairlead_agent.effects import HostFailure, Prober
from fairlead_agent.runtime.container_spec import HASH_LABEL
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_agent.runtime.port import EngineAway, RuntimeFailure
from fairlead_agent.seed_container import AUTHORITY, CLIENT, NAME, VOLUME
from fairlead_agent.seed_files import SeedFiles, address_of
from fairlead_wire.errors import FairleadError
from fairlead_wire.task import Probe, ProbeKind

# Whoever is told twice within seconds, as when a controller's agents come back one after the other, moves nothing.
START_SECONDS = 5.0
# A node that is the seed again soon, as after a restart of the agents, still has what it fetched.
LINGER_SECONDS = 600.0
LOOK_SECONDS = 30.0
AWAY_SECONDS = 2.0
ANSWER_SECONDS = 20.0
ASK_SECONDS = 0.2
_CONTAINER, _VOLUME = f"/containers/{NAME}", f"/volumes/{VOLUME}"
_log = logging.getLogger(__name__)

Tell = Callable[[images_pb2.SeedReport], Awaitable[None]]


class Engine(Protocol):
    """What is asked of Docker."""

    async def ask(self, request: EngineRequest) -> Any: ...


class SeedKeeper:
    """`fetch` brings an image, as for anybody who asks: raises HostFailure if this node's policy forbids it;
    `allowed`: whether the policy lets the fleet's registries be used at all."""

    def __init__(
        self,
        engine: Engine,
        files: SeedFiles,
        fetch: Callable[[str], Awaitable[None]],
        prober: Prober,
        allowed: bool = True,
        start_seconds: float = START_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._engine, self._files, self._fetch, self._prober = engine, files, fetch, prober
        self._allowed, self._start, self._linger = allowed, start_seconds, linger_seconds
        self._alone = asyncio.Lock()

    async def keep(self, wish: images_pb2.Seeding, tell: Tell) -> None:
        """Until it is cancelled, because something else is wished or the session is over. What runs then stays."""
        async with self._alone:
            if wish.wanted:
                await self._serve(wish, tell)
            else:
                await asyncio.sleep(self._linger)
                await self._remove()

    async def _serve(self, wish: images_pb2.Seeding, tell: Tell) -> None:
        told = images_pb2.SeedReport()
        while True:
            try:
                report = images_pb2.SeedReport(at=await self._ensure(wish))
            except EngineAway:
                # It is back soon, or this node has other troubles; meanwhile the others ask the controller.
                await asyncio.sleep(AWAY_SECONDS)
                continue
            except (HostFailure, RuntimeFailure, FairleadError, OSError) as failure:
                report = images_pb2.SeedReport(reason=str(failure))
            if report != told:
                _log.info("seed of its zone: %s", report.at or report.reason)
                await tell(report)
            told = report
            await asyncio.sleep(LOOK_SECONDS)

    async def _ensure(self, wish: images_pb2.Seeding) -> str:
        """It runs as wished when this returns; where it answers."""
        if not self._allowed:
            raise HostFailure('this node\'s policy does not allow it: "fleet_images" is false')
        found = await self._inspected()
        if found is None:
            await asyncio.sleep(self._start)
        await self._fetch(wish.image)
        digest = await self._files.keep(wish)
        await self._run(seed_container.body(wish.image, str(self._files.folder), digest), found)
        await self._answers(wish)
        return address_of(wish)

    async def _run(self, body: dict[str, Any], found: Any) -> None:
        if found is not None and found["Config"]["Labels"].get(HASH_LABEL) != body["Labels"][HASH_LABEL]:
            await self._ask("DELETE", _CONTAINER, force="true", v="true")
            found = None
        if found is None:
            await self._ask("POST", "/containers/create", body, name=NAME)
        if found is None or not found["State"]["Running"]:
            await self._ask("POST", f"{_CONTAINER}/start")

    async def _answers(self, wish: images_pb2.Seeding) -> None:
        """Raises HostFailure with what it says instead."""
        probe = Probe(
            ProbeKind.HTTPS,
            wish.address,
            wish.port,
            "/v2/",
            authority=self._files.path(AUTHORITY),
            certificate=self._files.path(CLIENT),
        )
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while not (result := await self._prober.probe(probe)).healthy:
            if asyncio.get_running_loop().time() > deadline:
                raise HostFailure(f"{result.message.rstrip('.')}; look at `docker logs {NAME}`")
            await asyncio.sleep(ASK_SECONDS)

    async def _remove(self) -> None:
        while True:
            try:
                # The files go last: while they are there, something of it may be.
                if await self._inspected() is not None or self._files.folder.exists():
                    await self._gone(_CONTAINER, force="true", v="true")
                    await self._gone(_VOLUME)
                    await self._files.remove()
                    _log.info("this node is no seed any longer")
                return
            except RuntimeFailure as failure:
                _log.info("the seed stays for now: %s", failure)
                await asyncio.sleep(LOOK_SECONDS)

    async def _gone(self, path: str, **query: str) -> None:
        """Removes it; removing what is gone is fine."""
        try:
            await self._ask("DELETE", path, None, **query)
        except RuntimeFailure as failure:
            if failure.status != 404:
                raise

    async def _inspected(self) -> Any:
        """None if there is no container."""
        try:
            return await self._ask("GET", f"{_CONTAINER}/json")
        except RuntimeFailure as failure:
            if failure.status == 404:
                return None
            raise

    async def _ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        return await self._engine.ask(EngineRequest(method, path, query, body))

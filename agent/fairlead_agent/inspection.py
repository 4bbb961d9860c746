"""A look at the host for what Kubernetes would stumble over. Quick, bounded, and it changes nothing.

Every part is looked at on its own: one that fails or takes too long leaves its default and a sentence in `gaps`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from fairlead_agent import inspection_disks as disks
from fairlead_agent import inspection_leftovers as leftovers
from fairlead_agent.effects import HostFailure
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.inspection_network import HostNetwork
from fairlead_agent.inspection_settings import Settings, engine_details, has_private_mounts, settings
from fairlead_agent.inspection_sockets import Processes, listeners
from fairlead_agent.runtime.port import Runtime, RuntimeFailure
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import (
    CGROUP_CONTROLLERS,
    ETCD_DIRECTORY,
    KUBELET_DIRECTORY,
    Disk,
    EngineDetails,
    Inspection,
    Listener,
    Route,
    SyncLatency,
)

SECONDS = 5.0
"""For all of it, whatever the disk and Docker do."""
FACTS_SECONDS, PROCESSES_SECONDS, SYNC_SECONDS = 2.5, 2.5, 2.0
_NO_SETTINGS = Settings(False, CGROUP_CONTROLLERS, 0, True, 0)
T = TypeVar("T")


class Gaps:
    """Parts that share one end of time; what of them could not be looked at, and why."""

    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds
        self._told: list[str] = []

    async def part(self, what: str, looking: Awaitable[T], otherwise: T, within: float = math.inf) -> T:
        """`within`: seconds that this part may take, if less than is left for all."""
        try:
            async with asyncio.timeout_at(min(self._end, asyncio.get_running_loop().time() + within)):
                return await looking
        except TimeoutError as error:
            self._told.append(f"{what}: {str(error) or 'it took too long'}")
        except (HostFailure, RuntimeFailure, OSError, ValueError) as error:
            self._told.append(f"{what}: {error}")
        return otherwise

    def told(self) -> tuple[str, ...]:
        return tuple(sorted(self._told))


@dataclass(frozen=True)
class HostInspection:
    """`facts` reads them anew; `state` is where the agent's ledgers are; `seconds` bounds a whole look."""

    runtime: Runtime
    facts: Callable[[], Awaitable[Facts]]
    paths: HostPaths = field(default_factory=HostPaths)
    network: HostNetwork = field(default_factory=HostNetwork)
    state: Path = Path("/var/lib/fairlead")
    seconds: float = SECONDS

    async def look(self) -> Inspection:
        gaps = Gaps(self.seconds)
        (facts, engine, chosen), (found, rivals), (routes, chains, missing) = await asyncio.gather(
            self._told(gaps), gaps.part("processes and ports", self._processes(), ((), ())), self._network(gaps)
        )
        space, (files, data), latency = await asyncio.gather(
            gaps.part("room on disks", asyncio.to_thread(self._disks, facts.docker_root), ()),
            gaps.part("files of an earlier cluster", asyncio.to_thread(self._leftovers), ((), False)),
            gaps.part("the latency of etcd's disk", asyncio.to_thread(self._latency), SyncLatency()),
        )
        return Inspection(
            facts=facts,
            engine=engine,
            systemd=chosen.systemd,
            cgroup_controllers=chosen.cgroup_controllers,
            missing_features=missing,
            swap_bytes=chosen.swap_bytes,
            ip_forward=chosen.ip_forward,
            dropping_chains=chains,
            listeners=found,
            routes=routes,
            disks=space,
            etcd_sync=latency,
            foreign_files=files,
            foreign_processes=rivals,
            etcd_data=data,
            gaps=gaps.told(),
            inotify_instances=chosen.inotify_instances,
        )

    async def _told(self, gaps: Gaps) -> tuple[Facts, EngineDetails, Settings]:
        return await asyncio.gather(
            gaps.part("the host's facts", self.facts(), Facts(""), FACTS_SECONDS),
            gaps.part("Docker", self._engine(), EngineDetails(answers=False), FACTS_SECONDS),
            gaps.part("settings of the kernel", asyncio.to_thread(settings, self.paths), _NO_SETTINGS),
        )

    async def _network(self, gaps: Gaps) -> tuple[tuple[Route, ...], tuple[str, ...], tuple[str, ...]]:
        return await asyncio.gather(
            gaps.part("routes", self.network.routes(), ()),
            gaps.part("the packet filter", self.network.dropping_chains(), ()),
            gaps.part("features of the kernel", self.network.missing_features(), ()),
        )

    async def _engine(self) -> EngineDetails:
        info = await self.runtime.engine()
        return engine_details(info, await asyncio.to_thread(has_private_mounts, self.paths))

    async def _processes(self) -> tuple[tuple[Listener, ...], tuple[str, ...]]:
        try:
            ours = frozenset(container.id for container in await self.runtime.containers())
        except RuntimeFailure:  # told of by another part
            ours = frozenset()
        return await asyncio.to_thread(self._listening, ours)

    def _listening(self, ours: frozenset[str]) -> tuple[tuple[Listener, ...], tuple[str, ...]]:
        processes = Processes(time.monotonic() + PROCESSES_SECONDS)
        sockets = processes.sockets()
        owners = processes.owners({socket.inode for socket in sockets})
        rivals = tuple(process.words for process in processes.kubernetes(ours))
        return listeners(sockets, owners, ours), rivals

    def _disks(self, docker_root: str) -> tuple[Disk, ...]:
        return tuple(disks.disk(self.paths, path) for path in (docker_root, ETCD_DIRECTORY, KUBELET_DIRECTORY))

    def _leftovers(self) -> tuple[tuple[str, ...], bool]:
        own = leftovers.own_files(self.state)
        return leftovers.foreign_files(self.paths, own), leftovers.has_etcd_data(self.paths)

    def _latency(self) -> SyncLatency:
        """Last of all, so that nothing of ours keeps the disk busy meanwhile."""
        return disks.sync_latency(disks.existing(self.paths, ETCD_DIRECTORY), SYNC_SECONDS)

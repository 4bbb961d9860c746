"""The simulated server around its Engine: files that take their time, a disk that may be full, probes that are true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fairlead_agent.effects import ApplyResult, HostFailure, ProbeResult
from fairlead_agent.runtime.port import Runtime
from fairlead_agent.view import Memory
from fairlead_controller.plan import catalogue
from fairlead_testing.fake_host import FakeFile, FakeHost, FakeObjects
from fairlead_testing.fake_runtime import Held
from fairlead_testing.simulation.engine import WatchedEngine
from fairlead_testing.simulation.process import Process
from fairlead_testing.simulation.ticks import PROBE_TICK, TICK, to_tick
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.facts import Facts
from fairlead_wire.task import Footprint, Probe

T = TypeVar("T")

DATA = "/var/lib/etcd/data/member/snap/db"
FULL = "no space left on device; make room"

# What else must run for a component to be healthy: on its own node, and on some control plane.
_NEEDS_HERE = {
    catalogue.APISERVER: (catalogue.ETCD,),
    catalogue.CONTROLLER_MANAGER: (catalogue.APISERVER,),
    catalogue.SCHEDULER: (catalogue.APISERVER,),
    catalogue.KUBELET: (catalogue.CRI_DOCKERD, catalogue.API_PROXY),
}
_NEEDS_APISERVER = (catalogue.KUBELET, catalogue.KUBE_PROXY, catalogue.FLANNEL)


class Disk:
    """What the agent's journal keeps. `durable` survives the loss of power, `visible` the end of the process."""

    def __init__(self) -> None:
        self.visible = self.durable = Memory()
        self.full = False

    async def save(self, memory: Memory, process: Process, delay: Callable[[], float]) -> None:
        """As `files.replace_file` does it: draft, fsync, rename, fsync of the directory."""
        await asyncio.sleep(delay())
        process.check()
        if self.full:
            raise OSError(28, "No space left on device")
        self.visible = memory
        await asyncio.sleep(delay())
        process.check()
        self.durable = memory

    def lose_power(self, renamed: bool) -> None:
        """`renamed`: whether the last rename that nobody waited for reached the disk."""
        self.durable = self.visible = self.visible if renamed else self.durable


@dataclass
class Surroundings:
    """What the probes and objects of a server depend on."""

    engine: WatchedEngine
    some_apiserver: Callable[[], bool]
    warm_up: Callable[[Held], float]

    def why_unhealthy(self, probe: Probe) -> str:
        held = self.engine.running(probe)
        if held is None:
            return "connection refused"
        if asyncio.get_running_loop().time() < self.warm_up(held):
            return "not yet"
        for needed in _NEEDS_HERE.get(held.component, ()):
            if not self.engine.runs(needed):
                return f"{needed} does not answer"
        if held.component in _NEEDS_APISERVER and not self.some_apiserver():
            return "no apiserver answers"
        return ""


@dataclass(frozen=True)
class TrueProber:
    around: Surroundings

    async def probe(self, probe: Probe) -> ProbeResult:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(to_tick(now + TICK, PROBE_TICK) - now)
        why = self.around.why_unhealthy(probe)
        return ProbeResult(not why, why)


@dataclass(frozen=True)
class NearObjects:
    """The objects of a cluster, by way of this server's apiserver."""

    objects: FakeObjects
    engine: WatchedEngine
    process: Process
    delay: Callable[[], float]

    async def apply(self, spec: ObjectSpec) -> ApplyResult:
        return await self._ask(lambda: self.objects.apply(spec))

    async def remove(self, path: str) -> ApplyResult:
        return await self._ask(lambda: self.objects.remove(path))

    async def _ask(self, call: Callable[[], Awaitable[ApplyResult]]) -> ApplyResult:
        await asyncio.sleep(self.delay())
        self.process.check()
        if not self.engine.runs(catalogue.APISERVER):
            return ApplyResult(False, True, "The apiserver does not answer.")
        result = await call()
        await asyncio.sleep(self.delay())
        return result


@dataclass(frozen=True)
class HostHandle:
    """One agent's use of its server. Implements `Host`."""

    host: FakeHost
    disk: Disk
    process: Process
    delay: Callable[[], float]

    def boot_id(self) -> str:
        return self.host.boot_id()

    async def facts(self, runtime: Runtime) -> Facts:
        return await self.host.facts(runtime)

    async def make_directory(self, spec: str, cluster: str) -> None:
        await self._write(lambda: self.host.make_directory(spec, cluster))

    async def file_digest(self, path: str) -> str:
        return await self.host.file_digest(path)

    async def file_mode(self, path: str) -> int:
        return await self.host.file_mode(path)

    async def read_file(self, path: str) -> bytes:
        return await self.host.read_file(path)

    async def write_file(self, file: FileSpec, cluster: str) -> None:
        await self._write(lambda: self.host.write_file(file, cluster))

    async def write_key_and_certificate(
        self, spec: CertificateSpec, key_pem: bytes, certificate_pem: bytes, cluster: str
    ) -> None:
        """Two files: whoever is killed in between leaves a key that its certificate does not know."""
        before = self.host.files.get(spec.path, FakeFile(b"")).content
        await self._write(lambda: self.host.write_key_and_certificate(spec, key_pem, before, cluster))
        await self._write(lambda: self.host.write_key_and_certificate(spec, key_pem, certificate_pem, cluster))

    async def clean_footprint(self, footprint: Footprint, destroy_data: bool, runtime: Runtime) -> tuple[str, ...]:
        return await self._do(lambda: self.host.clean_footprint(footprint, destroy_data, runtime))

    async def ledgers(self) -> tuple[str, ...]:
        return await self.host.ledgers()

    async def undo_ledger(self, cluster: str) -> tuple[str, ...]:
        return await self._do(lambda: self.host.undo_ledger(cluster))

    async def _write(self, work: Callable[[], Awaitable[None]]) -> None:
        if self.disk.full:
            raise HostFailure(FULL)
        await self._do(work)

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(self.delay())
        self.process.check()
        result = await work()
        await asyncio.sleep(self.delay())
        return result

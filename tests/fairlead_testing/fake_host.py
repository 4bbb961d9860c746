"""In-memory Host, Prober, Objects, Policy and RelayTargets: what the agent's effects are without a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from fairlead_agent.effects import ApplyResult, HostFailure, ProbeResult
from fairlead_agent.runtime.port import EngineAway, Runtime
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.facts import OF_DOCKER, Facts
from fairlead_wire.task import Footprint, Probe, TaskSpec, digest


@dataclass
class FakeFile:
    content: bytes
    mode: int = 0o644


@dataclass
class FakeHost:
    """A host whose files are a dictionary. `refusals` maps a path to the reason why it can't be written."""

    held: Facts = field(default_factory=lambda: Facts("node-1", docker_version="26.1.5", docker_api="1.45"))
    files: dict[str, FakeFile] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    """Path → "" or its propagation, for example "rshared"."""
    refusals: dict[str, str] = field(default_factory=dict)
    boots: int = 1
    cleaned: list[tuple[Footprint, bool]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _before: dict[str, dict[str, FakeFile | None]] = field(default_factory=dict)
    _made: dict[str, list[str]] = field(default_factory=dict)

    async def facts(self, runtime: Runtime) -> Facts:
        try:
            await runtime.engine()
        except EngineAway:
            away = Facts(self.held.hostname)
            return replace(self.held, **{name: getattr(away, name) for name in OF_DOCKER})
        return self.held

    def boot_id(self) -> str:
        return f"boot-{self.boots}"

    def reboot(self) -> None:
        """Mounts are gone, files stay."""
        self.boots += 1
        self.directories = dict.fromkeys(self.directories, "")

    async def make_directory(self, spec: str, cluster: str) -> None:
        path, _, propagation = spec.partition(":")
        self._refuse("make_directory", path)
        if path not in self.directories:
            self._made.setdefault(cluster, []).append(path)
        self.directories[path] = propagation or self.directories.get(path, "")

    async def file_digest(self, path: str) -> str:
        return digest(self.files[path].content) if path in self.files else ""

    async def file_mode(self, path: str) -> int:
        return self.files[path].mode if path in self.files else 0

    async def write_file(self, file: FileSpec, cluster: str) -> None:
        self._refuse("write_file", file.path)
        self._put(file.path, FakeFile(file.content, file.mode), cluster)

    async def read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise HostFailure(f"{path} is not there")
        return self.files[path].content

    async def write_key_and_certificate(
        self, spec: CertificateSpec, key_pem: bytes, certificate_pem: bytes, cluster: str
    ) -> None:
        self._refuse("write_key_and_certificate", spec.path)
        self._put(spec.key_path, FakeFile(key_pem, 0o600), cluster)
        self._put(spec.path, FakeFile(certificate_pem), cluster)

    async def clean_footprint(self, footprint: Footprint, destroy_data: bool, runtime: Runtime) -> tuple[str, ...]:
        self.calls.append("clean_footprint")
        for label in footprint.container_labels:
            await runtime.remove_labelled(label)
        self.cleaned.append((footprint, destroy_data))
        gone = footprint.directories + (footprint.data_directories if destroy_data else ())
        self._drop(lambda path: path in footprint.files or any(path.startswith(f"{top}/") for top in gone))
        return () if destroy_data else tuple(f"The data stays in {path}." for path in footprint.data_directories)

    async def ledgers(self) -> tuple[str, ...]:
        return tuple(sorted({*self._before, *self._made}))

    async def undo_ledger(self, cluster: str) -> tuple[str, ...]:
        self.calls.append("undo_ledger")
        for path, before in self._before.pop(cluster, {}).items():
            if before is None:
                self.files.pop(path, None)
            else:
                self.files[path] = before
        for path in self._made.pop(cluster, []):
            self.directories.pop(path, None)
        return ()

    def _refuse(self, call: str, path: str) -> None:
        self.calls.append(f"{call} {path}")
        if path in self.refusals:
            raise HostFailure(self.refusals[path])

    def _put(self, path: str, file: FakeFile, cluster: str) -> None:
        self._before.setdefault(cluster, {}).setdefault(path, self.files.get(path))
        self.files[path] = file

    def _drop(self, wanted: Callable[[str], bool]) -> None:
        for path in [path for path in self.files if wanted(path)]:
            del self.files[path]


@dataclass
class FakeProber:
    """`answer` decides; by default all is well. `unhealthy` maps a probe's port or path to why it is not; `takes`:
    seconds of the next answer."""

    unhealthy: dict[int | str, str] = field(default_factory=dict)
    asked: list[Probe] = field(default_factory=list)
    answer: Callable[[Probe], ProbeResult] | None = None
    takes: Callable[[], float] | None = None

    async def probe(self, probe: Probe) -> ProbeResult:
        self.asked.append(probe)
        if self.takes is not None:
            await asyncio.sleep(self.takes())
        if self.answer is not None:
            return self.answer(probe)
        reason = self.unhealthy.get(probe.port) or self.unhealthy.get(probe.path)
        return ProbeResult(reason is None, reason or "")


@dataclass
class FakeObjects:
    """Objects by path. `away`: the apiserver does not answer; `refused` maps a path to why it never will be."""

    held: dict[str, str] = field(default_factory=dict)
    away: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)

    async def apply(self, spec: ObjectSpec) -> ApplyResult:
        if self.away:
            return ApplyResult(False, True, "The apiserver does not answer.")
        if spec.path in self.refused:
            return ApplyResult(False, False, self.refused[spec.path])
        self.held[spec.path] = spec.manifest
        self.applied.append(spec.name)
        return ApplyResult(True)

    async def remove(self, path: str) -> ApplyResult:
        if self.away:
            return ApplyResult(False, True, "The apiserver does not answer.")
        self.held.pop(path, None)
        return ApplyResult(True)


@dataclass
class FakePolicy:
    """Allows all but what it is told: component or path → the sentence."""

    refused: dict[str, str] = field(default_factory=dict)

    def refusal(self, task: TaskSpec) -> str:
        return self.refused.get(task.component, "")

    def file_refusal(self, path: str) -> str:
        return self.refused.get(path, "")

    def image_refusal(self, reference: str) -> str:
        return self.refused.get(reference, "")


class FakeTargets:
    """Each connection reaches `served`: a coroutine that plays the far end."""

    def __init__(self, served: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]) -> None:
        self._served = served
        self.connections = count()

    async def connect(self, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if target != "apiserver":
            raise HostFailure(f"{target} is not on this node's list of relay targets")
        next(self.connections)
        server = await asyncio.start_server(self._served, "127.0.0.1", 0)  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        server.close()
        return reader, writer

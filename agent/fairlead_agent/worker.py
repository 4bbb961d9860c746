"""Carries out instructions: a table from an instruction's class to the calls it means. Decides nothing.

One instruction of a lane at a time is the machine's promise; here each runs as a task of its own, within its
deadline, and always ends in an outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_agent.effects import Host, HostFailure, Objects, Prober
from fairlead_agent.fetching import Fetching
from fairlead_agent.instructions import (
    ApplyObject,
    Discard,
    EnsureImage,
    GiveUp,
    Inspect,
    Instruction,
    IssueCertificates,
    Launch,
    ListContainers,
    ReadLogs,
    RemoveObject,
    RemoveTask,
    Restore,
    Retire,
    RunProbe,
    Signal,
    Start,
    UndoHost,
    WriteFile,
)
from fairlead_agent.outcomes import Done, Failed, FailureKind, Outcome
from fairlead_agent.runtime.port import (
    EngineAway,
    NameTaken,
    NoSuchContainer,
    NoSuchImage,
    RestartPolicy,
    Runtime,
    RuntimeFailure,
)
from fairlead_agent.worker_host import HostWork, Issuer
from fairlead_wire.cancelling import is_cancelled
from fairlead_wire.errors import FairleadError, Unreachable
from fairlead_wire.task import TaskSpec

_LOG_LINES = 12
# Trap: an apiserver's own shutdown can take 60 s, its listener long closed (clients keep connections).
_REMOVAL_STOP_SECONDS = 15
_SIGNAL_SECONDS = 10.0

_KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (EngineAway, FailureKind.ENGINE_AWAY),
    (NoSuchImage, FailureKind.NO_IMAGE),
    (NoSuchContainer, FailureKind.GONE),
    (NameTaken, FailureKind.NAME_TAKEN),
    (Unreachable, FailureKind.CONTROLLER_AWAY),
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """`perform` never raises, save that it is cancelled."""

    runtime: Runtime
    host: Host
    prober: Prober
    objects: Objects
    issuer: Issuer
    wall: Callable[[], float]
    steady: Callable[[], float]
    fetching: Fetching

    async def perform(self, instruction: Instruction) -> Outcome:
        try:
            async with asyncio.timeout(instruction.deadline):
                return Done(instruction, await self._table[type(instruction)](instruction))
        except TimeoutError:
            return Failed(instruction, f"took longer than {instruction.deadline:.0f} s")
        except (RuntimeFailure, HostFailure, FairleadError, OSError) as error:
            return Failed(instruction, str(error), _kind(error))
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            # Some library gave up inside. Without an outcome the lane would be taken for ever.
            return Failed(instruction, "was broken off")
        except Exception:
            # A bug of ours must not stop the upkeep of everything else on the node.
            _log.exception("unexpected error in %s", type(instruction).__name__)
            return Failed(instruction, "an unexpected error, which the agent's log shows")

    @property
    def _table(self) -> Mapping[type[Instruction], Callable[[Any], Awaitable[Any]]]:
        host = HostWork(self.host, self.issuer, self.wall, self.steady)
        return {
            ListContainers: lambda _: self.runtime.containers(),
            Inspect: host.inspect,
            WriteFile: lambda item: self.host.write_file(item.file, item.cluster),
            IssueCertificates: host.issue,
            EnsureImage: lambda item: self.fetching.ensure(item.reference),
            Launch: self._launch,
            Start: self._start,
            Retire: self._retire,
            Restore: self._restore,
            Discard: self._discard,
            GiveUp: self._last_words,
            Signal: self._signal,
            RunProbe: lambda item: self.prober.probe(item.probe),
            ReadLogs: self._last_words,
            ApplyObject: lambda item: self.objects.apply(item.spec),
            RemoveTask: self._remove_task,
            RemoveObject: lambda item: self.objects.remove(item.removal.path),
            UndoHost: lambda item: self.host.undo_ledger(item.removal.name),
        }

    async def _launch(self, item: Launch) -> str:
        await self._make_directories(item.task, item.cluster)
        await self.fetching.beside(item.task)
        container_id = await self.runtime.create(item.cluster, item.task, item.task.container_name)
        await self.runtime.start(container_id)
        return container_id

    async def _start(self, item: Start) -> None:
        await self._make_directories(item.task, item.cluster)
        await self.runtime.start(item.container_id)

    async def _make_directories(self, task: TaskSpec, cluster: str) -> None:
        for directory in task.directories:
            await self.host.make_directory(directory, cluster)

    async def _retire(self, item: Retire) -> None:
        if not await self.runtime.has_image(item.image):
            raise NoSuchImage(f"the image {item.image} was removed by others")
        # The policy first: with `always` it would come back at the next start of dockerd, beside its successor.
        await self.runtime.set_restart(item.container_id, RestartPolicy.NO)
        await self.runtime.stop(item.container_id, item.stop_seconds)
        await self.runtime.rename(item.container_id, item.name)

    async def _restore(self, item: Restore) -> None:
        known = {container.id: container.name for container in await self.runtime.containers()}
        if known.get(item.container_id) != item.name:
            await self.runtime.rename(item.container_id, item.name)
        await self.runtime.set_restart(item.container_id, RestartPolicy.ALWAYS)
        await self.runtime.start(item.container_id)

    async def _discard(self, item: Discard) -> None:
        await self.runtime.stop(item.container_id, item.stop_seconds)
        await self.runtime.remove(item.container_id)

    async def _last_words(self, item: GiveUp | ReadLogs) -> str:
        return await self.runtime.logs(item.container_id, _LOG_LINES) if item.container_id else ""

    async def _signal(self, item: Signal) -> None:
        # From inside: Docker's own `kill -s` would switch the restart policy off. The shell's kill is always there.
        for signal in item.signals:
            argv = ("/bin/sh", "-c", f"kill -{signal.removeprefix('SIG')} 1")
            code, output = await self.runtime.run_inside(item.container_id, argv, _SIGNAL_SECONDS)
            if code != 0:
                raise RuntimeFailure(f"signal {signal} ended with code {code}: {output.strip()[-200:]}")

    async def _remove_task(self, item: RemoveTask) -> tuple[str, ...]:
        for container_id in item.container_ids:
            try:
                await self.runtime.stop(container_id, _REMOVAL_STOP_SECONDS)
            except NoSuchContainer:
                continue
            await self.runtime.remove(container_id)
        if not item.clean:
            return ()
        removal = item.removal
        return await self.host.clean_footprint(removal.footprint, removal.destroy_data, self.runtime)


def _kind(error: BaseException) -> FailureKind:
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), FailureKind.OTHER)

"""The agent's one loop: what happened → view → decide → worker, and again. Woken by inputs and timers, never polling.

The view belongs to this loop alone; everyone else hands in a fold, a function from view to view.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from fairlead_agent import machine, machine_events
from fairlead_agent.effects import ChangeSource, Policy
from fairlead_agent.happenings import Happening, Happenings
from fairlead_agent.instructions import Instruction, ListContainers
from fairlead_agent.machine_happenings import news
from fairlead_agent.machine_report import observe
from fairlead_agent.machine_results import is_no_news, settle
from fairlead_agent.machine_timers import seconds_to_wait
from fairlead_agent.reporter import Reporter
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_agent.view import Memory, Moment, View
from fairlead_agent.worker import Worker
from fairlead_wire.assignment import Assignment
from fairlead_wire.backoff import delays

_log = logging.getLogger(__name__)
_WATCH_AGAIN_FIRST, _WATCH_AGAIN_LAST = 0.5, 5.0
# What is no news comes a dozen at a time, and waits for the last of them: one turn in place of a dozen.
_TOGETHER_SECONDS = 0.05

Fold = Callable[[View, Moment], View]


@dataclass(frozen=True)
class Clock:
    """`steady` seconds never jump, `wall` is seconds since 1970, `random` gives numbers in [0, 1)."""

    steady: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]

    def now(self) -> Moment:
        return Moment(self.steady(), self.wall())


@dataclass(frozen=True)
class _Input:
    fold: Fold
    taken: asyncio.Future[None]
    cause: Instruction | None = None


class Loop:
    """`save` has a memory on the disk when it returns; it raises OSError if it can't."""

    def __init__(
        self,
        worker: Worker,
        policy: Policy,
        memory: Memory,
        save: Callable[[Memory], Awaitable[None]],
        reporter: Reporter,
        happenings: Happenings,
        clock: Clock,
        checks: Callable[[View, tuple[Instruction, ...]], None] = lambda view, instructions: None,
    ) -> None:
        self._worker, self._policy, self._save, self._clock = worker, policy, save, clock
        self._reporter, self._happenings, self._checks = reporter, happenings, checks
        self.view = machine_events.remembered(memory, self._refusals(memory.assignment))
        self._saved, self._disk_failed = memory, False
        self._inputs: deque[_Input] = deque()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    # what others hand in, and read

    def memory(self) -> Memory:
        """What is journaled."""
        return self.view.memory

    async def assign(self, assignment: Assignment) -> None:
        """Holds a new assignment; it is journaled when this returns. Raises OSError when it can't be."""
        refusals = self._refusals(assignment)
        await self._put(lambda view, now: machine_events.assigned(view, assignment, refusals, now))

    async def session_began(self, generation: int, obeyed: bool) -> None:
        await self._put(lambda view, now: machine_events.session_began(view, generation, obeyed))

    def session_ended(self) -> None:
        self._put(lambda view, now: machine_events.session_ended(view))

    def happened(self, kind: str, message: str, component: str = "") -> None:
        """Something for the event log, and for the agent's own."""
        _log.info("%s: %s", kind, message)
        self._happenings.add(Happening(kind, message, component, int(self._clock.wall() * 1000)))

    # the loop

    async def run(self) -> None:
        """Runs until it is cancelled; then nothing that it began goes on."""
        watchers = [asyncio.create_task(self._watch_docker()), asyncio.create_task(self._watch_files())]
        try:
            while True:
                await self._take_inputs()
                self._begin()
                observations = observe(self.view, self._clock.now())
                self._reporter.observed(self.view.assignment.revision, observations, self._clock.wall())
                await self._wait()
        finally:
            for task in (*watchers, *self._running):
                task.cancel()
            await asyncio.gather(*watchers, *self._running, return_exceptions=True)

    def _put(self, fold: Fold, cause: Instruction | None = None, within: float = 0.0) -> asyncio.Future[None]:
        """`within`: seconds that it may wait for others."""
        loop = asyncio.get_running_loop()
        item = _Input(fold, loop.create_future(), cause)
        # Whoever does not wait for it must not leave an exception that nobody retrieves.
        item.taken.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._inputs.append(item)
        if within:
            loop.call_later(within, self._wake_for_what_is_left)
        else:
            self._wake.set()
        return item.taken

    def _wake_for_what_is_left(self) -> None:
        """An earlier one may have taken all that waited."""
        if self._inputs:
            self._wake.set()

    async def _take_inputs(self) -> None:
        self._wake.clear()
        while self._inputs:
            item = self._inputs.popleft()
            before, after = self.view, item.fold(self.view, self._clock.now())
            error = await self._remember(after.memory)
            if error is not None and item.cause is None and after.memory is not before.memory:
                _settle(item.taken, error)  # what can't be journaled is not held
                continue
            self.view = after
            _settle(item.taken)
            for kind, message, component in news(before, after, isinstance(item.cause, ListContainers)):
                self.happened(kind, message, component)

    async def _remember(self, memory: Memory) -> OSError | None:
        """Before anything is done because of it. A full disk is told once, and tried again with the next input."""
        if memory is self._saved or memory == self._saved:
            return None
        try:
            await self._save(memory)
        except OSError as error:
            if not self._disk_failed:
                self.happened("journal-failed", f"The journal can't be written: {error}. Make room on the disk.")
            self._disk_failed = True
            return error
        self._saved, self._disk_failed = memory, False
        return None

    def _begin(self) -> None:
        now = self._clock.now()
        instructions = machine.decide(self.view, now)
        self._checks(self.view, instructions)
        self.view = machine.issued(self.view, instructions, now)
        for instruction in instructions:
            task = asyncio.create_task(self._perform(instruction), name=instruction.lane)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _perform(self, instruction: Instruction) -> None:
        outcome = await self._worker.perform(instruction)
        random = self._clock.random()
        within = _TOGETHER_SECONDS if is_no_news(self.view, outcome) else 0.0
        self._put(lambda view, now: settle(view, outcome, now, random), instruction, within)

    async def _wait(self) -> None:
        if self._wake.is_set():
            return
        try:
            async with asyncio.timeout(seconds_to_wait(self.view, self._clock.now())):
                await self._wake.wait()
        except TimeoutError:
            return

    def _refusals(self, assignment: Assignment) -> Mapping[str, str]:
        told = {f"task/{task.component}": self._policy.refusal(task) for task in assignment.tasks}
        told |= {file.key: self._policy.file_refusal(file.path) for file in assignment.files}
        told |= {spec.key: self._policy.file_refusal(spec.path) for spec in assignment.certificates}
        return {key: sentence for key, sentence in told.items() if sentence}

    async def _watch_docker(self) -> None:
        pauses = self._pauses()
        while True:
            try:
                async for _ in self._worker.runtime.events():
                    pauses = self._pauses()
                    self._put(machine_events.docker_stirred)
            except RuntimeFailure as error:
                _log.debug("no events from Docker: %s", error)
            # Whether it is away, and what was missed, the listing finds out.
            self._put(machine_events.docker_stirred)
            await asyncio.sleep(0.1 + next(pauses))
            self._put(machine_events.docker_stirred)

    async def _watch_files(self) -> None:
        source = self._worker.host
        if isinstance(source, ChangeSource):
            async for _ in source.changes():
                self._put(machine_events.files_changed)

    def _pauses(self) -> Iterator[float]:
        return delays(self._clock.random, _WATCH_AGAIN_FIRST, _WATCH_AGAIN_LAST)


def _settle(future: asyncio.Future[None], error: Exception | None = None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(None)

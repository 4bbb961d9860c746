"""The steps of a bring-up as data, and the one loop that carries them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from fairlead_cli.lab.processes import CHILDREN

Say = Callable[[str], None]
Act = Callable[[Say], str]
Done = Callable[[], str | None]

AT_ONCE = 8  # steps mostly wait for Docker; those that load a processor bound themselves


@dataclass(frozen=True)
class Step:
    """One step: what must have ended before it, how to see that it is done already, how to do it.

    `done` answers within a second, with what it found, or None when there is something to do.
    `act` does it, says on the way what it is at, and returns what came of it.
    """

    name: str
    title: str
    done: Done
    act: Act
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a step ended: what came of it, its seconds, and whether there was anything to do."""

    step: Step
    result: str
    seconds: float
    skipped: bool


class Display(Protocol):
    """Whoever shows people how far the steps are."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def said(self, step: Step, text: str) -> None:
        """A step tells what it is at."""

    def ended(self, outcome: Outcome) -> None:
        """A step ended well."""

    def failed(self, step: Step) -> None:
        """A step failed; the error goes its own way."""


def ready(steps: Iterable[Step], begun: set[str], ended: set[str]) -> list[Step]:
    """The steps that may begin now, in their order."""
    return [step for step in steps if step.name not in begun and ended.issuperset(step.after)]


def carry_out(step: Step, display: Display, clock: Callable[[], float]) -> Outcome:
    """Does one step, or sees that it is done."""
    begin = clock()
    display.started(step)
    try:
        found = step.done()
        result = step.act(lambda text: display.said(step, text)) if found is None else found
    except BaseException:
        display.failed(step)
        raise
    outcome = Outcome(step, result, clock() - begin, skipped=found is not None)
    display.ended(outcome)
    return outcome


@contextmanager
def ending_children() -> Iterator[None]:
    """Ends the programs that the steps wait for when Ctrl-C comes, so that the steps end too."""
    try:
        yield
    except KeyboardInterrupt:
        CHILDREN.stop()
        raise


def run(steps: Sequence[Step], display: Display, clock: Callable[[], float] = time.monotonic) -> list[Outcome]:
    """Carries out all steps, each as soon as those before it have ended; their outcomes as they ended.

    When a step fails, no other begins, those at work come to their end, and its error is raised. The same holds
    for Ctrl-C: the programs that the steps wait for get it too, and end.
    """
    unknown = {name for step in steps for name in step.after} - {step.name for step in steps}
    assert not unknown, f"steps wait for steps that are not there: {unknown}"
    outcomes: list[Outcome] = []
    begun: set[str] = set()
    running: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lab-step") as pool, ending_children():
        while len(outcomes) < len(steps):
            for step in ready(steps, begun, {outcome.step.name for outcome in outcomes}):
                begun.add(step.name)
                running.add(pool.submit(carry_out, step, display, clock))
            assert running, "steps wait for each other in a circle"
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            outcomes += [future.result() for future in ended]
    return outcomes

"""Simulations side by side: one process for each core, each with its own share of the seeds."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from fairlead_testing.simulation.fleet import simulate
from fairlead_testing.simulation.schedule import generate

_TAIL = 60


@dataclass(frozen=True)
class Outcome:
    """What came of one seed; `broken` is empty if everything held."""

    seed: int
    digest: str
    broken: str = ""
    tail: str = ""

    def __str__(self) -> str:
        again = f"FAIRLEAD_SEED={self.seed} pytest tests/simulation -k schedules"
        return f"seed {self.seed}: {self.broken}\n{self.tail}\nThe whole story: {again}"


def outcome(seed: int, lines: int = _TAIL) -> Outcome:
    """Simulates one seed; of a broken one, the last `lines` of its story (0: all)."""
    schedule = generate(seed)
    verdict = simulate(schedule)
    if not verdict.broken:
        return Outcome(seed, verdict.story.digest)
    told = "\n".join((str(schedule), *verdict.story.lines[-lines:]))
    return Outcome(seed, verdict.story.digest, verdict.broken, told)


class Crew:
    """`outcomes` come in the order of the seeds."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def outcomes(self, seeds: Iterable[int], lines: int = _TAIL) -> Iterator[Outcome]:
        return self._pool.map(partial(outcome, lines=lines), seeds)


@contextmanager
def crew() -> Iterator[Crew]:
    """Fresh interpreters, so that nothing of this one's threads and caches comes along."""
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), _begin) as pool:
        yield Crew(pool)


def _begin() -> None:
    """A simulation makes and drops much; looking for cycles less often saves a sixth of its time."""
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)

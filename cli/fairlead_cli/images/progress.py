"""What a builder tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far one step is. `done` of `total` are the step's own units (packages, lines of a Dockerfile);
    `total` is 0 where nobody can know. `seconds` is the time since the step began; `finished` ends it."""

    step: str
    detail: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    finished: bool = False


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A report that tells nobody."""


class Step:
    """One step under way: keeps its name, its start and its units, so that callers say only what changed."""

    def __init__(self, name: str, report: Report, clock: Callable[[], float]) -> None:
        self.name = name
        self._report = report
        self._clock = clock
        self._began = clock()
        self._last = Progress(name, "")
        self.told = False  # whether anything was reported

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return self._clock() - self._began

    def tell(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Reports what the step does now; units left out stay as they were."""
        done = self._last.done if done is None else done
        total = self._last.total if total is None else total
        self._send(Progress(self.name, detail, done, total, self.seconds))

    def tick(self) -> None:
        """Reports that time has passed."""
        self._send(Progress(self.name, self._last.detail, self._last.done, self._last.total, self.seconds))

    def finish(self, detail: str) -> None:
        """Reports the end of the step."""
        total = self._last.total
        self._send(Progress(self.name, detail, total, total, self.seconds, finished=True))

    def _send(self, progress: Progress) -> None:
        self._last = progress
        self.told = True
        self._report(progress)

"""Shows people how far the steps are: a live table on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from fairlead_cli.lab.steps import Outcome, Step

QUIET_SECONDS = 5.0  # between two plain lines of one step, so that a log of a long build stays short
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class PlainDisplay:
    """A line when a step begins to act, seldom one on its way, and one at its end."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._spoke: dict[str, float] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to put away."""

    def started(self, step: Step) -> None:
        """Says nothing: most steps of a second run end at once."""

    def said(self, step: Step, text: str) -> None:
        """Prints what a step is at, unless it spoke a moment ago."""
        with self._lock:
            now = self._clock()
            if now - self._spoke.get(step.name, -QUIET_SECONDS) < QUIET_SECONDS:
                return
            self._spoke[step.name] = now
        self._print(f"  … {step.title}: {text}")

    def ended(self, outcome: Outcome) -> None:
        """Prints what came of a step."""
        mark = "=" if outcome.skipped else "✓"
        self._print(f"  {mark} {outcome.step.title}: {outcome.result} ({outcome.seconds:.1f} s)")

    def failed(self, step: Step) -> None:
        """Prints that a step failed."""
        self._print(f"  ✗ {step.title}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """A table that is drawn anew four times a second."""

    def __init__(self, console: Console, steps: Sequence[Step], clock: Callable[[], float] = time.monotonic) -> None:
        self._steps = steps
        self._clock = clock
        self._begun: dict[str, float] = {}
        self._texts: dict[str, str] = {}
        self._ended: dict[str, Outcome] = {}
        self._failed: set[str] = set()
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if error is not None:
            self._live.console.print(self._table())

    def started(self, step: Step) -> None:
        """The step's clock begins to run."""
        self._begun[step.name] = self._clock()

    def said(self, step: Step, text: str) -> None:
        """Shows what a step is at."""
        self._texts[step.name] = text

    def ended(self, outcome: Outcome) -> None:
        """Shows what came of a step."""
        self._ended[outcome.step.name] = outcome

    def failed(self, step: Step) -> None:
        """Marks a step as failed."""
        self._failed.add(step.name)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1), pad_edge=True)
        for options in ({"no_wrap": True}, {"no_wrap": True}, {"justify": "right", "no_wrap": True}, {}):
            table.add_column(**options)
        for step in self._steps:
            table.add_row(*self._row(step))
        return table

    def _row(self, step: Step) -> tuple[str, str, str, str]:
        outcome = self._ended.get(step.name)
        title = escape(step.title)
        if outcome:
            mark = "[dim]=[/]" if outcome.skipped else "[green]✓[/]"
            return mark, title, f"{outcome.seconds:.1f} s", f"[dim]{escape(outcome.result)}[/]"
        if step.name in self._failed:
            return "[red]✗[/]", title, self._elapsed(step), ""
        if step.name in self._begun:
            frame = SPINNER[int(self._clock() * 8) % len(SPINNER)]
            return f"[cyan]{frame}[/]", title, self._elapsed(step), escape(self._texts.get(step.name, ""))
        return " ", f"[dim]{title}[/]", "", ""

    def _elapsed(self, step: Step) -> str:
        return f"{self._clock() - self._begun.get(step.name, self._clock()):.1f} s"


Shown = PlainDisplay | LiveDisplay


def display_for(console: Console, steps: Sequence[Step]) -> AbstractContextManager[Shown]:
    """The display that suits where the output goes."""
    return LiveDisplay(console, steps) if console.is_terminal else PlainDisplay(console)


def summary(outcomes: Sequence[Outcome], seconds: float) -> Table:
    """The table at the end: every step, its seconds, what came of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("result")
    for outcome in outcomes:
        result = f"{outcome.result} [dim](was so)[/]" if outcome.skipped else outcome.result
        table.add_row(escape(outcome.step.title), f"{outcome.seconds:.1f}", result)
    table.add_row("[bold]in all[/]", f"[bold]{seconds:.1f}[/]", "")
    return table

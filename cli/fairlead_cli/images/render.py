"""Progress for people: bars on a terminal, plain lines where output goes to a file or a log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from fairlead_cli.images.progress import Progress, Report

PLAIN_SECONDS = 10.0  # between two lines about the same step
DETAIL_WIDTH = 70  # characters
ALIKE = 20  # units or more are taken to be alike, so that they tell how long the rest takes


@contextlib.contextmanager
def live(console: Console) -> Iterator[Report]:
    """A report that fits the console, for the length of a block."""
    if not console.is_terminal:
        yield plain(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("[dim]{task.fields[detail]}"),
    )
    with Bars(*columns, console=console) as bars:
        yield on_terminal(bars)


def on_terminal(bars: Bars) -> Report:
    """Each step is a bar; a finished one stays, full."""
    tasks = {}

    def report(progress: Progress) -> None:
        if progress.step not in tasks:
            tasks[progress.step] = bars.add_task(progress.step, total=None, detail="", left="")
        total = progress.total or (1 if progress.finished else None)
        done = total if progress.finished else progress.done
        left = "" if progress.finished else remaining(progress)
        bars.update(tasks[progress.step], total=total, completed=done, detail=progress.detail[:DETAIL_WIDTH], left=left)
        if progress.finished:
            bars.stop_task(tasks[progress.step])

    return report


def plain(write: Callable[[str], None]) -> Report:
    """A line when a step begins, when it ends, and now and then between."""
    last: dict[str, float] = {}

    def report(progress: Progress) -> None:
        due = last.get(progress.step, -PLAIN_SECONDS) + PLAIN_SECONDS
        if progress.finished or progress.seconds >= due:
            last[progress.step] = progress.seconds
            write(line(progress))
        if progress.finished:
            del last[progress.step]

    return report


def line(progress: Progress) -> str:
    """A step in one line."""
    left = "" if progress.finished else remaining(progress)
    return f"{progress.step}: {progress.detail[:DETAIL_WIDTH]} [{progress.seconds:.1f} s{', ' + left if left else ''}]"


def remaining(progress: Progress) -> str:
    """How long a step may still take, if its units tell: those of a compilation are about alike."""
    if progress.total < ALIKE or progress.seconds < PLAIN_SECONDS:
        return ""
    if not 0 < progress.done < progress.total:
        return ""
    seconds = progress.seconds * (progress.total - progress.done) / progress.done
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

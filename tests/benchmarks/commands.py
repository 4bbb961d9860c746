"""How long people wait for the CLI: the whole process, from its start to its end."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Sequence

from benchmarks.figures import Figure, written
from fairlead_cli.lab import front
from fairlead_cli.lab.names import Lab

REPEATS, DEADLINE_SECONDS = 5, 60


def help_figure() -> Figure:
    return _timed("`fairlead --help`", 0.25, "--help")


def status_figure(lab: Lab) -> Figure:
    """Of three nodes and one cluster."""
    return _timed("`fairlead status`", 0.6, "--context", lab.name, "status")


def _timed(name: str, budget: float, *words: str) -> Figure:
    """Once for the disk's cache, then as often as counts."""
    line = [str(front.command("fairlead")), *words]
    _seconds(line)
    before = _processor()
    times = tuple(_seconds(line) for _ in range(REPEATS))
    taken = (_processor() - before) / REPEATS
    return Figure(name, "s", budget, times, f"of it {written(taken)} s of processor time")


def _seconds(line: Sequence[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE_SECONDS)
    return time.perf_counter() - begin


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

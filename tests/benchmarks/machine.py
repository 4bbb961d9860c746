"""The machine that figures were measured on, by what matters and not by its name."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

# On an idle core a tenth of a second: so figures of different machines, and of different hours, compare.
ROUNDS = 2_000_000


def sentence() -> str:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    gibibytes = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:")) / 1024 / 1024
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    busy = f"load {load:.1f}, {ROUNDS // 1_000_000} million rounds of an empty loop took {spin():.2f} s"
    return f"{cores} cores, {gibibytes:.0f} GiB, {software}; {busy}"


def spin() -> float:
    """Seconds that a loop of pure Python takes here and now: how fast the machine is, and how busy."""
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        pass
    return time.perf_counter() - begin

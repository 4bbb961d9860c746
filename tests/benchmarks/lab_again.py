"""`make lab` with everything in the caches: three servers, a cluster, a pod."""

from __future__ import annotations

import subprocess
import time

from benchmarks.figures import Figure
from fairlead_cli.lab import down, front
from fairlead_cli.lab.names import Lab

NAME, SERVERS, DEADLINE_SECONDS = "bench-again", 3, 900


def figure() -> Figure:
    """Measured once: it takes about a minute."""
    lab = Lab(NAME, SERVERS)
    down.down(lab)
    begin = time.perf_counter()
    try:
        line = [str(front.command("fairlead")), "lab", "up", "--name", NAME, "--servers", str(SERVERS)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE_SECONDS)
        taken = time.perf_counter() - begin
    finally:
        down.down(lab)
    return Figure("`make lab` again, three servers", "s", 60, (taken,), "measured once")

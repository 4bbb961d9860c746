"""What agent and controller take while nothing happens: memory, and processor time."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks import servers
from benchmarks.figures import Figure
from fairlead_cli.lab import controller_process
from fairlead_cli.lab.names import Lab

LOOKS, IDLE_SECONDS, SETTLE_SECONDS = 5, 12.0, 20.0


def figures(lab: Lab) -> list[Figure]:
    """Of a lab whose cluster is at rest."""
    time.sleep(SETTLE_SECONDS)
    agents = [servers.agent_process(node) for node in lab.nodes]
    controller = controller_process.process(lab)
    assert controller is not None
    idle = [_idle([*agents, controller]) for _ in range(LOOKS)]
    memory = tuple(resident(number) for number in agents)
    return [
        Figure("Agent, resident memory", "MiB", 90, memory, "of the control plane's and two workers' agents"),
        Figure("Agent of the control plane, idle", "% of a core", 1.0, tuple(look[0] for look in idle)),
        Figure("Agents of workers, idle", "% of a core", 1.0, tuple(max(look[1:-1]) for look in idle), "the busier"),
        Figure("Controller, resident memory, three nodes", "MiB", 170, (resident(controller),)),
        Figure("Controller, idle", "% of a core", 0, tuple(look[-1] for look in idle)),
    ]


def resident(process: int) -> float:
    """MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _idle(processes: list[int]) -> list[float]:
    """Percent of a core that each took while nothing was asked of it."""
    before = [_ticks(number) for number in processes]
    time.sleep(IDLE_SECONDS)
    ticks = os.sysconf("SC_CLK_TCK")
    return [
        100 * (_ticks(number) - earlier) / ticks / IDLE_SECONDS
        for number, earlier in zip(processes, before, strict=True)
    ]


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])

"""Who is probed when, and what the answers mean. A probe never restarts anything. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fairlead_agent.instructions import Instruction, ReadLogs, RunProbe
from fairlead_agent.machine_standing import Standing, standing
from fairlead_agent.outcomes import ProbeResult
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import Health, Moment, View
from fairlead_wire.task import Probe, ProbeKind, TaskKind, TaskSpec

# Seconds since its start → seconds to the next question: what is awaited is asked for often, what hangs seldom.
_STARTING: tuple[tuple[float, float], ...] = ((3.0, 0.1), (20.0, 0.2), (60.0, 0.5))
_LATE_SECONDS = 2.0
STEADY_SECONDS = 5.0
UNHEALTHY_SECONDS = 1.0
MISSES = 3
# A component without a probe counts as healthy when it has run for this long.
SETTLE_SECONDS = 1.0
_CRASHES = 2
_LOGS_SECONDS = 5.0


def new_health(now: Moment, adopted: bool = False) -> Health:
    return Health(now.steady, now.steady, now.steady, adopted=adopted)


def restarted(health: Health, now: Moment) -> Health:
    """Docker started it again: what was known is void, but not that it was healthy once."""
    return replace(health, since=now.steady, due=now.steady, healthy=False, adopted=False, misses=0)


def answered(health: Health, result: ProbeResult, now: Moment) -> Health:
    """Healthy at the first good answer; no longer so after three bad ones in a row."""
    if result.healthy:
        return replace(
            health, due=now.tick(STEADY_SECONDS), healthy=True, confirmed=True, asked=True, misses=0, message=""
        )
    misses = health.misses + 1
    healthy = health.healthy and misses < MISSES
    return replace(
        health,
        due=now.steady + _period(health, now),
        healthy=healthy,
        asked=True,
        misses=misses,
        message=result.message,
    )


def is_healthy(view: View, probe: Probe, container: Container, now: Moment) -> bool:
    health = view.health.get(container.id)
    if health is None or container.status is not ContainerStatus.RUNNING:
        return False
    if probe.kind is ProbeKind.UNSPECIFIED:
        return health.adopted or now.steady - health.since >= SETTLE_SECONDS
    return health.healthy


def component_is_healthy(view: View, component: str, now: Moment) -> bool:
    """Whether the component runs and is healthy on this node, whichever version of it."""
    task, container = view.assignment.task(component), view.current(component)
    if task is None or container is None:
        return False
    return is_healthy(view, probe_of(view, task, container), container, now)


def is_overdue(view: View, task: TaskSpec, container: Container, now: Moment) -> bool:
    """Whether it never became healthy within its start timeout."""
    health = view.health.get(container.id)
    if health is None or health.confirmed:
        return False
    return now.steady >= overdue_at(view, task, health)


def overdue_at(view: View, task: TaskSpec, health: Health) -> float:
    """A revision that comes meanwhile gives a container its whole time once more: what it waits for may be just what
    was put right, and a failure would count against the newer revision."""
    return max(health.first_seen, view.assigned_at) + task.probe.start_timeout_ms / 1000


def probe_of(view: View, task: TaskSpec, container: Container) -> Probe:
    """How this container is asked: a predecessor by its own task's probe where that is known."""
    fallback = view.memory.fallbacks.get(task.component)
    if fallback is not None and fallback.hash == container.hash != view.hash_of(task):
        return fallback.task.probe
    return task.probe


def probes(view: View, now: Moment) -> Iterator[Instruction]:
    for task in view.assignment.tasks:
        container = view.current(task.component)
        if container is None or task.kind is TaskKind.JOB or standing(view, task) is Standing.FOREIGN:
            continue
        health, probe = view.health.get(container.id), probe_of(view, task, container)
        running = container.status is ContainerStatus.RUNNING and probe.kind is not ProbeKind.UNSPECIFIED
        if running and health is not None and health.due <= now.steady and view.free(f"probe/{task.component}", now):
            yield RunProbe(task.component, container.id, probe)


def last_words(view: View, now: Moment) -> Iterator[Instruction]:
    """Asks for the last log lines of what crashes or does not become healthy."""
    for task in view.assignment.tasks:
        container = view.current(task.component)
        troubled = container is not None and view.engine and in_trouble(view, task, container, now)
        if troubled and container is not None and _wants_logs(view, container, now):
            yield ReadLogs(task.component, container.id, container.restarts)


def in_trouble(view: View, task: TaskSpec, container: Container, now: Moment) -> bool:
    if container.hash != view.hash_of(task):
        return False
    if task.kind is TaskKind.JOB:
        return container.status is ContainerStatus.EXITED and container.exit_code != 0
    if is_healthy(view, task.probe, container, now):
        return False
    return container.restarts >= _CRASHES or is_overdue(view, task, container, now)


def _wants_logs(view: View, container: Container, now: Moment) -> bool:
    if not view.free(f"logs/{container.component}", now):
        return False
    words = view.last_words.get(container.id)
    if words is None:
        return True
    return words.restarts != container.restarts and now.steady - words.at >= _LOGS_SECONDS


def _period(health: Health, now: Moment) -> float:
    if health.healthy:
        return STEADY_SECONDS
    if health.confirmed and health.misses >= MISSES:
        return UNHEALTHY_SECONDS
    age = now.steady - health.since
    return next((seconds for limit, seconds in _STARTING if age < limit), _LATE_SECONDS)

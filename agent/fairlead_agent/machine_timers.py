"""When the machine has to be asked again though nothing happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead_agent import machine_order, renewal
from fairlead_agent.machine_health import SETTLE_SECONDS, overdue_at
from fairlead_agent.view import Moment, View

# Nothing is due for longer than this: a belt beside the braces.
LONGEST_SECONDS = 30.0


def seconds_to_wait(view: View, now: Moment) -> float:
    """Seconds until the next moment at which `decide` may say something new. What is past waits for an outcome."""
    ahead = [moment - now.steady for moment in _moments(view, now) if moment > now.steady]
    return min([LONGEST_SECONDS, *ahead])


def _moments(view: View, now: Moment) -> Iterator[float]:
    yield view.listing_due
    yield view.inspection_due
    yield from (attempt.not_before for attempt in view.attempts.values())
    yield from (state.due for state in view.objects.values())
    for health in view.health.values():
        yield health.due
        yield health.since + SETTLE_SECONDS
    yield from _start_timeouts(view)
    yield from machine_order.moments(view)
    yield from _renewals(view, now)


def _start_timeouts(view: View) -> Iterator[float]:
    for task in view.assignment.tasks:
        container = view.current(task.component)
        health = view.health.get(container.id) if container is not None else None
        if health is not None and not health.confirmed:
            yield overdue_at(view, task, health)


def _renewals(view: View, now: Moment) -> Iterator[float]:
    for state in view.certificates.values():
        if state.good:
            yield now.steady + renewal.component_due_at(state.not_before, state.not_after) - now.wall

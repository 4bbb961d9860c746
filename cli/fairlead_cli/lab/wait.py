"""Waiting for a condition, with a deadline: never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fairlead_cli.lab.processes import LabError, refuse_when_stopping

T = TypeVar("T")

PERIOD = 0.2  # seconds between two looks: short beside the second or two that a daemon takes to start


def until(
    look: Callable[[], T | None],
    *,
    what: str,
    timeout: float,
    advice: Callable[[], str],
    period: float = PERIOD,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], None] = time.sleep,
) -> T:
    """Looks until `look` returns something true, and returns that.

    Raises LabError after `timeout` seconds, with `what` did not come true and the advice, which is worked out
    only then (so that it can hold the last lines of a log).
    """
    end = clock() + timeout
    while True:
        refuse_when_stopping()
        found = look()
        if found:
            return found
        if clock() >= end:
            raise LabError(f"{what}: not within {timeout:g} s", advice())
        rest(period)

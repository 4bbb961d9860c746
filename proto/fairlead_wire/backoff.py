"""Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST_SECONDS = 0.5
LAST_SECONDS = 30.0


def delays(random: Callable[[], float], first: float = FIRST_SECONDS, last: float = LAST_SECONDS) -> Iterator[float]:
    """Endless seconds to wait before each further try; `random` gives numbers in [0, 1)."""
    ceiling = first
    while True:
        yield random() * ceiling
        ceiling = min(last, ceiling * 2)

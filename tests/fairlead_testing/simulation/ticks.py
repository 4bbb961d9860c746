"""The moments on which things happen: few, so that many of them coincide."""

from __future__ import annotations

import math

TICK = 0.05
# Whoever asks again and again is answered on one of these: then all probes of a server soon go together.
PROBE_TICK = 1.0


def to_tick(moment: float, tick: float = TICK) -> float:
    """The first tick that is not before `moment`."""
    return math.ceil(round(moment / tick, 6)) * tick

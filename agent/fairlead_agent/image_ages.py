"""Which images that the agent fetched may go again. Pure.

An image that is there because a person put it there is theirs, and is never touched: only what this agent fetched
itself is on its list, with the moment at which anything here last had a use for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

KEEP_SECONDS = 7 * 86_400.0
"""So long after its last use an image stays: the way back from an upgrade needs no pull for a week."""
PRESSED_SECONDS = 3600.0
"""The same on a disk that runs full: an image fetched ahead of a change is still there when the change begins."""
FULL_SHARE = 0.85
"""Where the kubelet begins to remove images of pods (imageGCHighThresholdPercent): before it takes what it can."""

Ages = Mapping[str, float]
"""Full reference → wall second of its last use."""


@dataclass(frozen=True)
class Looked:
    """What is there: full references that something needs, and the share of Docker's disk that is taken, 0 to 1."""

    needed: Collection[str]
    disk_share: float = 0.0


def used(ages: Ages, needed: Collection[str], now: float) -> dict[str, float]:
    """The list with everything that is needed now as used now; what is not on it does not come to be."""
    return {reference: now if reference in needed else min(at, now) for reference, at in ages.items()}


def removable(ages: Ages, looked: Looked, now: float) -> tuple[str, ...]:
    """What may go, longest unused first. A clock that was set back makes nothing old."""
    keep = PRESSED_SECONDS if looked.disk_share >= FULL_SHARE else KEEP_SECONDS
    old = [(at, reference) for reference, at in ages.items() if now - at > keep and reference not in looked.needed]
    return tuple(reference for _, reference in sorted(old))

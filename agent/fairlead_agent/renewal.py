"""When certificates are renewed. Pure: dates are seconds since 1970, randomness is an argument."""

from __future__ import annotations

# The agent's own: a random 50-70 % of its life, so that a fleet enrolled in one hour does not renew in one hour.
OWN_FIRST, OWN_LAST = 0.5, 0.7
COMPONENT_SHARE = 0.5


def own_due_at(not_before: float, not_after: float, random: float) -> float:
    """The second at which the agent renews its own certificate; `random` is in [0, 1)."""
    share = OWN_FIRST + (OWN_LAST - OWN_FIRST) * random
    return not_before + (not_after - not_before) * share


def component_due_at(not_before: float, not_after: float) -> float:
    return not_before + (not_after - not_before) * COMPONENT_SHARE


def component_due(not_before: float, not_after: float, now: float) -> bool:
    """Whether a component's certificate is past half of its life."""
    return now >= component_due_at(not_before, not_after)


def has_ended(not_after: float, now: float) -> bool:
    return now >= not_after

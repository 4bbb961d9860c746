"""Events: what happened, and because of what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One thing that happened. `at` is seconds since 1970; `id` and `at` are given by the store's writer."""

    kind: str
    message: str
    cluster: str = ""
    node: str = ""
    component: str = ""
    cause_id: int = 0
    principal: str = "fairlead"
    id: int = 0
    at: float = 0.0

"""Seeds: nodes that give the fleet's images to the others of their zone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """A zone's seed, by its node's identifier. `at`: "HOST:PORT", "" while it does not answer."""

    node_id: str
    at: str = ""


NOBODY = Seed("")

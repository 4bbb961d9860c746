"""Moves: the ordered difference between what is wanted and what is held."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MoveAction(StrEnum):
    CLAIM = "claim"
    PLACE = "place"
    CONFIGURE = "configure"
    REPLACE = "replace"
    REMOVE = "remove"
    RELEASE = "release"


@dataclass(frozen=True)
class Move:
    """The smallest step. `waits_for` is one sentence, empty when the move may happen now."""

    action: MoveAction
    node_id: str
    node: str
    component: str = ""
    from_hash: str = ""
    to_hash: str = ""
    outage: bool = False
    waits_for: str = ""
    details: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes it the same move when planned again."""
        return (self.action, self.node_id, self.component, self.from_hash, self.to_hash)

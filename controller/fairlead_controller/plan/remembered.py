"""What was made last time, kept while what it was made from is the same: of a thousand nodes one changes at a time.

A memo and nothing else: results depend on arguments alone, and are the same with an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

V = TypeVar("V")
Inputs = tuple[object, ...]

MOST_GROUPS = 64


class Remembered(Generic[V]):
    """`make` gives the value for its inputs. Values that are not asked for any more are let go with the next round.

    Inputs are compared by `==`, which costs nothing for what is the very same object.
    """

    def __init__(self, make: Callable[..., V]) -> None:
        self._make = make
        self._groups: dict[str, dict[str, tuple[Inputs, V]]] = {}

    def each(self, group: str, wanted: Iterable[tuple[str, Inputs]]) -> dict[str, V]:
        """A value for each key, for example each node of a cluster."""
        before = self._groups.pop(group, {})
        after = {key: self._current(before.get(key), inputs) for key, inputs in wanted}
        while len(self._groups) >= MOST_GROUPS:
            del self._groups[next(iter(self._groups))]
        self._groups[group] = after
        return {key: value for key, (_, value) in after.items()}

    def one(self, group: str, *inputs: object) -> V:
        return self.each(group, [("", inputs)])[""]

    def _current(self, known: tuple[Inputs, V] | None, inputs: Inputs) -> tuple[Inputs, V]:
        return known if known is not None and known[0] == inputs else (inputs, self._make(*inputs))

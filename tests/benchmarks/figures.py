"""A figure, its budget, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

NONE = "-"


@dataclass(frozen=True)
class Figure:
    """`values` in `unit`, as measured one after the other; the least is best. `budget` 0: for information."""

    name: str
    unit: str
    budget: float
    values: tuple[float, ...]
    remark: str = ""

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def met(self) -> bool:
        return not self.budget or self.middle <= self.budget

    @property
    def row(self) -> str:
        """A row of the table in docs/benchmarks.md."""
        budget = f"≤ {written(self.budget)} {self.unit}".rstrip() if self.budget else NONE
        spread = f"{written(min(self.values))} … {written(max(self.values))}"
        mark = ("yes" if self.met else "**no**") if self.budget else NONE
        return f"| {self.name} | {budget} | {written(self.middle)} | {spread} | {mark} | {self.remark} |"


def written(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def ratio(name: str, budget: float, ours: Sequence[float], floor: Sequence[float]) -> Figure:
    """Ours by the floor, pair by pair, as they were measured in turn."""
    pairs = tuple(mine / theirs for mine, theirs in zip(ours, floor, strict=True))
    remark = f"medians {written(median(ours))} s and {written(median(floor))} s"
    return Figure(name, "", budget, pairs, remark)

"""Columns as Go's text/tabwriter aligns them with Docker's settings: at least 10 wide, 3 spaces between, no tabs.

The last cell of a line belongs to no column. A column is a run of neighbouring lines that all have a cell there.
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, PADDING = 10, 3


def aligned(text: str) -> str:
    """`text` with its tabs replaced by what aligns the cells between them."""
    lines = [line.split("\t") for line in text.split("\n")]
    for column in range(max(len(cells) for cells in lines) - 1):
        for run in _runs(lines, column):
            width = max(WIDTH, *(len(cells[column]) + PADDING for cells in run))
            for cells in run:
                cells[column] = cells[column].ljust(width)
    return "\n".join("".join(cells) for cells in lines)


def _runs(lines: Sequence[list[str]], column: int) -> list[list[list[str]]]:
    """Neighbouring lines that have a cell in that column, with another one after it."""
    runs: list[list[list[str]]] = [[]]
    for cells in lines:
        if column < len(cells) - 1:
            runs[-1].append(cells)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]

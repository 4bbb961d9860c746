"""Tables as people know them from `docker` and `kubectl`: capitals, two spaces, no frames; cells can be copied."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead_cli.render.console import paint
from fairlead_cli.render.words import style_of

Row = Sequence[str]


def table(headers: Row, rows: Sequence[Row]) -> str:
    """Words that name a state are coloured; an empty cell is a dash."""
    cells = [[cell or "-" for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [headers, *cells]) for column in range(len(headers))]
    lines = [_line(headers, widths, "bold"), *(_line(row, widths) for row in cells)]
    return "\n".join(lines)


def pairs(entries: Sequence[tuple[str, str]]) -> str:
    """Name and value, one pair a line; pairs without a value are left out."""
    shown = [(name, value) for name, value in entries if value]
    width = max((len(name) for name, _ in shown), default=0) + 1
    return "\n".join(f"{name + ':':<{width}}  {paint(value, style_of(value))}" for name, value in shown)


def _line(row: Row, widths: Sequence[int], style: str = "") -> str:
    # Padding comes before colouring: escape sequences have no width.
    padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    padded[-1] = padded[-1].rstrip()
    return "  ".join(paint(cell, style or style_of(cell.strip())) for cell in padded)

"""The table of docs/benchmarks.md: written anew by each run, between two marks; the text around it is people's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
HEAD = "| what | budget | median | least … most | met | |\n|---|---|---|---|---|---|"


def table(machine: str, figures: Sequence[Figure]) -> str:
    rows = "\n".join(figure.row for figure in figures)
    return f"Measured on {machine}.\n\n{HEAD}\n{rows}"


def write(text: str) -> None:
    """Raises ValueError where the marks are missing."""
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the figures: write {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")

"""Where text goes and whether it has colours: only on a terminal, and never with NO_COLOR (no-color.org)."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "bold": 1, "dim": 2}


def is_terminal(stream: TextIO | None = None) -> bool:
    stream = stream or sys.stdout
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO | None = None) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in that style, or as it is where there are no colours or no style."""
    if not style or not has_colours(stream):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """A line for people or programs."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line for people that must not get into what a program reads."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Text as it is, whatever characters it has: what could not be text anywhere else is replaced."""
    sys.stdout.write(text.encode(errors="replace").decode())
    sys.stdout.flush()

"""JSON with its own words, set out as Go's json.Indent does: parsing would change numbers and escapes. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from fairlead_wire.errors import FairleadError

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
STEP = "    "


def indented(text: str, before: str = "") -> str:
    """`text` on lines of its own, `before` in front of all but the first."""
    pieces: list[str] = []
    line, empty = "\n" + before, False  # empty: the last bracket has nothing in it yet
    for part in _PART.findall(text):
        if part in "]}":
            line = line[: -len(STEP)]
            pieces.append(part if empty else line + part)
            empty = False
            continue
        if empty:
            pieces.append(line)
        empty = part in "[{"
        if empty:
            line += STEP
        pieces.append(_after(part, line))
    return "".join(pieces)


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text of Docker's. Raises FairleadError if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FairleadError("What Docker said is no JSON.", "See what `docker` says on the node itself.") from None


def _after(part: str, line: str) -> str:
    """A part with what comes after it whatever follows."""
    return {",": "," + line, ":": ": "}.get(part, part)

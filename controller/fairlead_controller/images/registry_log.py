"""The registry's log lines, as lines of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog

_log = structlog.get_logger(__name__)

LONGEST = 2000  # characters of a line that is passed on
_LEVELS = {"panic": "error", "fatal": "error", "error": "error", "warning": "warning", "info": "info"}
# Every scanner that tries the port makes one; what nodes meet, they tell themselves.
_NOISE = ("TLS handshake error",)
_SAID = ("err.code", "err.message", "err.detail", "vars.name", "vars.reference", "error")


async def pass_on(stream: asyncio.StreamReader | None) -> None:
    """Each line of `stream` into the log, until it ends."""
    assert stream is not None
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue  # longer than the reader's buffer: what it had is dropped
        if not line:
            return
        tell(line.decode("utf-8", "replace").strip())


def tell(line: str) -> None:
    """One line into the log; JSON as the registry writes it, or anything else that a program says at its end."""
    if not line or any(noise in line for noise in _NOISE):
        return
    level, message, more = taken_apart(line)
    getattr(_log, level)("registry", said=message[:LONGEST], **more)


def taken_apart(line: str) -> tuple[str, str, Mapping[str, str]]:
    """Our level for it, what it says, and what else is of use."""
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "warning", line, {}
    if not isinstance(found, dict) or "msg" not in found:
        return "warning", line, {}
    more = {name.replace(".", "_"): str(found[name])[:LONGEST] for name in _SAID if name in found}
    return _LEVELS.get(str(found.get("level")), "warning"), str(found["msg"]), more

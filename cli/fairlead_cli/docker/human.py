"""Durations, sizes and identifiers as Docker's own client writes them. Pure: the moment is an argument.

Rules and their odd limits ("About an hour", decimal units with a small k) are those of docker/go-units 0.5.0 and of the
formatter of docker/cli 28.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

HOUR, DAY = 3_600, 86_400
_SPANS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (48, lambda hours: f"{hours} hours"),
    (24 * 7 * 2, lambda hours: f"{hours // 24} days"),
    (24 * 30 * 2, lambda hours: f"{hours // 24 // 7} weeks"),
    (24 * 365 * 2, lambda hours: f"{hours // 24 // 30} months"),
)
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
ZERO = -62_135_596_800
"""Go's moment of nothing, the beginning of the year 1: what has no time has this one."""
# The last second of the year 9999: what a calendar can hold.
_LAST = 253_402_300_799


def duration(seconds: float) -> str:
    """A length of time in words: "Less than a second", "5 minutes", "About an hour", "3 weeks"."""
    if seconds < 60:
        return _seconds(int(seconds))
    if seconds < HOUR:
        minutes = int(seconds / 60)
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, words in _SPANS:
        if hours < limit:
            return words(hours)
    return f"{int(seconds / HOUR) // 24 // 365} years"


def _seconds(count: int) -> str:
    if count < 1:
        return "Less than a second"
    return "1 second" if count == 1 else f"{count} seconds"


def since(created: float, now: float) -> str:
    """How long ago: "5 minutes ago". Both in seconds since 1970."""
    return f"{duration(now - created)} ago"


def size(count: float, digits: int = 3) -> str:
    """Bytes in decimal units with so many digits: "88.4MB"."""
    return _scaled(count, 1000.0, _DECIMAL, digits)


def binary_size(count: float) -> str:
    """Bytes in binary units with four digits: "11.91MiB"."""
    return _scaled(count, 1024.0, _BINARY, 4)


def _scaled(count: float, base: float, units: tuple[str, ...], digits: int) -> str:
    unit = 0
    while count >= base and unit < len(units) - 1:
        count, unit = count / base, unit + 1
    return f"{count:.{digits}g}{units[unit]}"


def short_id(identifier: str) -> str:
    """The first 12 characters without "sha256:"."""
    head, colon, tail = identifier.partition(":")
    return (tail if colon else head)[:12]


def cut(text: str, width: int) -> str:
    """At most so many characters, the last one "…" if some are left out."""
    return text if len(text) <= width else text[: width - 1] + "…"


def moment(seconds: float) -> str:
    """Local time as Go prints one: "2026-11-26 15:45:37 +0000 UTC"."""
    local = _local(seconds)
    return f"{local.year:04d}-{local:%m-%d %H:%M:%S %z %Z}"


def rfc3339(seconds: int, nanoseconds: int | None = None) -> str:
    """Local time as RFC 3339, with nine digits of a second if `nanoseconds` is given."""
    local = _local(seconds)
    fraction = "" if nanoseconds is None else f".{nanoseconds:09d}"
    zone = local.strftime("%z")
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{local.year:04d}-{local:%m-%dT%H:%M:%S}{fraction}{zone}"


def _local(seconds: float) -> datetime:
    """Within what a calendar holds; a zone before that is unknown, so the first moments stay in UTC."""
    if seconds < ZERO + DAY:
        return datetime.fromtimestamp(ZERO, UTC)
    return datetime.fromtimestamp(min(seconds, _LAST - DAY), UTC).astimezone()


def quote(text: str) -> str:
    """As Go's strconv.Quote: what can't be printed as an escape."""
    return '"' + "".join(_ESCAPES.get(letter) or _quoted(letter) for letter in text) + '"'


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _quoted(letter: str) -> str:
    if letter.isprintable():
        return letter
    code = ord(letter)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_json(value: object, escape: bool = False) -> str:
    """One line of JSON as Go writes it: no spaces; `escape` also hides what could be HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "\u2028\u2029" + ("<>&" if escape else ""):
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text

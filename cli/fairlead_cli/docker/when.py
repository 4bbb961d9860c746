"""`--since` and `--until` as Docker takes them. Pure: the moment is an argument.

A length of time ("10m", "1h30m": so long ago), RFC 3339 with or without its smaller parts and its zone (the local one
by default), or seconds since 1970.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from fairlead_wire.errors import Invalid

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"
_LENGTH = re.compile(rf"([+-]?)((?:{_PART})+)")
_UNIX = re.compile(r"\d{1,11}(\.\d{1,9})?")
_DATE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:T(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>[zZ]|[+-]\d\d:\d\d)?"
)


def moment(text: str, now: float, option: str) -> float:
    """Seconds since 1970; 0 for an empty text. `option`: what it was given for. Raises Invalid."""
    if not text:
        return 0.0
    if length := _LENGTH.fullmatch(text):
        ahead = -1 if length[1] == "-" else 1
        return now - ahead * sum(float(count) * _UNITS[unit] for count, unit in re.findall(_PART, length[2]))
    if _UNIX.fullmatch(text):
        return float(text)
    if date := _DATE.fullmatch(text):
        try:
            return _timestamp(date)
        except (ValueError, OverflowError):
            pass
    raise Invalid(
        f"{option} {text!r} is no point in time.",
        "Write for example 10m, 2026-11-26T15:00:00, 2026-11-26T15:00:00Z or seconds since 1970.",
    )


def _timestamp(date: re.Match[str]) -> float:
    clock = f"{date['hour'] or '00'}:{date['minute'] or '00'}:{date['second'] or '00'}"
    zone = (date["zone"] or "").upper().replace("Z", "+00:00")
    at = datetime.fromisoformat(f"{date['day']}T{clock}{zone}")
    if not zone:
        at = at.astimezone()
    return (at + timedelta(seconds=float(f"0.{date['fraction'] or 0}"))).timestamp()

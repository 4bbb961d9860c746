"""Times, sizes and states in words. Pure: the moment is an argument."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_STYLES = {
    "healthy": "green",
    "ready": "green",
    "reachable": "green",
    "succeeded": "green",
    "completed": "green",
    "removed": "green",
    "failed": "red",
    "degraded": "red",
    "unreachable": "red",
    "unhealthy": "red",
    "changing": "yellow",
    "deleting": "yellow",
    "waiting": "yellow",
    "running": "yellow",
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def style_of(word: str) -> str:
    """The colour of a state, empty for any other word."""
    return _STYLES.get(word, "")


def seconds(timestamp: Timestamp) -> float:
    """Seconds since 1970, 0 for an unset one."""
    return timestamp.seconds + timestamp.nanos / 1e9


def span(duration: float) -> str:
    """A duration in its largest unit: "8.4 s", "12 s", "3 min", "5 h", "40 d"."""
    if 0 <= duration < 10:
        return f"{duration:.1f} s"
    for unit, length in _UNITS:
        if duration >= length:
            return f"{int(duration // length)} {unit}"
    return "0 s"


def ago(timestamp: Timestamp, now: float) -> str:
    """How long ago, empty for never."""
    at = seconds(timestamp)
    return f"{span(max(0.0, now - at))} ago" if at else ""


def ahead(timestamp: Timestamp, now: float) -> str:
    """How long until then: "in 59 min", or "ended 2 h ago"."""
    at = seconds(timestamp)
    if not at:
        return ""
    return f"in {span(at - now)}" if at > now else f"ended {span(now - at)} ago"


def clock_time(timestamp: Timestamp) -> str:
    """Local date and time to the second, empty for never."""
    at = seconds(timestamp)
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def iso_time(timestamp: Timestamp) -> str | None:
    """RFC 3339 in UTC with milliseconds, None for an unset one."""
    at = seconds(timestamp)
    if not at:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size(count: int) -> str:
    """Bytes in the unit that leaves a number before the point, empty for 0."""
    if not count:
        return ""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{max(count / 2**10, 1):.0f} KiB"


def enum_word(enum_value_name: str, enum_name: str) -> str:
    """The word of an enumeration's value: NODE_STATE_REACHABLE of NodeState is "reachable"."""
    prefix = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in enum_name).lstrip("_")
    return enum_value_name.removeprefix(f"{prefix}_").lower()


def last_part(resource_name: str) -> str:
    """NAME of "collection/NAME"."""
    return resource_name.rpartition("/")[2]

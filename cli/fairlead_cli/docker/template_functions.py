"""Functions of templates: Go's own, and those that Docker adds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fairlead_cli.docker.human import go_json
from fairlead_cli.docker.template_text import WIDEST, NoList, NoMap, formatted, inner, joined, shown
from fairlead_cli.docker.template_words import wrong

Function = Callable[..., Any]


class Fields(dict[str, Any]):
    """A row of a list: other names than these are refused. Values that are functions take arguments."""

    def plain(self) -> dict[str, Any]:
        return {name: value for name, value in sorted(self.items()) if not callable(value)}


def true(value: Any) -> bool:
    """What counts as true: all but false, nothing, 0 and what is empty."""
    return bool(value)


def _json(value: Any) -> str:
    if isinstance(value, NoList | NoMap):
        value = None
    # Docker escapes rows of lists twice over, and what it inspects not at all.
    return go_json(value.plain(), escape=True) if isinstance(value, Fields) else go_json(value)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = _at(value, key)
    return value


def _at(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(key, str):
        return value.get(key, "")
    if isinstance(value, str | Sequence) and _whole(key):
        if not 0 <= key < len(value):
            raise wrong(f"index {key} is out of range: there are {len(value)}")
        return value[key] if not isinstance(value, str) else ord(value[key])
    raise wrong(f"index takes a map and a text, or a list and a number, not {_named(value)} and {_named(key)}")


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | Sequence) or len(bounds) > 2 or not all(map(_whole, bounds)):
        raise wrong("slice takes a list or a text and up to two numbers")
    begin = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else len(value)
    if not 0 <= begin <= end <= len(value):
        raise wrong(f"slice goes out of range: there are {len(value)}")
    return value[begin:end]


def _len(value: Any) -> int:
    if not isinstance(value, str | Sequence | Mapping):
        raise wrong(f"len takes a list, a map or a text, not {_named(value)}")
    return len(value.encode(errors="surrogateescape")) if isinstance(value, str) else len(value)


def _join(values: Any, separator: Any) -> str:
    if isinstance(values, str) or not isinstance(values, Sequence) or not isinstance(separator, str):
        raise wrong("join takes a list and what comes between")
    return separator.join(map(inner, values))


def _split(text: Any, separator: Any) -> list[str]:
    text, separator = _text(text, "split"), _text(separator, "split")
    return text.split(separator) if separator else list(text)


def _title(text: Any) -> str:
    words = _text(text, "title").split(" ")
    return " ".join(word[:1].upper() + word[1:] for word in words)


def _pad(text: Any, before: Any, after: Any) -> str:
    if not (_whole(before) and _whole(after) and 0 <= before <= WIDEST and 0 <= after <= WIDEST):
        raise wrong(f"pad takes a text and two numbers up to {WIDEST}")
    padded = _text(text, "pad")
    return f"{' ' * before}{padded}{' ' * after}" if padded else ""


def _truncate(text: Any, length: Any) -> str:
    if not _whole(length) or length < 0:
        raise wrong("truncate takes a text and a number")
    return _text(text, "truncate")[:length]


def _printf(pattern: Any, *values: Any) -> str:
    return formatted(_text(pattern, "printf"), values)


def _and(first: Any, *rest: Any) -> Any:
    values = [first, *rest]
    return next((value for value in values if not true(value)), values[-1])


def _or(first: Any, *rest: Any) -> Any:
    values = [first, *rest]
    return next((value for value in values if true(value)), values[-1])


def _eq(first: Any, *rest: Any) -> bool:
    if not rest:
        raise wrong("eq takes two values")
    return any(_comparable(first, other) and first == other for other in rest)


def _less(first: Any, second: Any) -> bool:
    if not (_comparable(first, second) and isinstance(first, str | int | float)):
        raise wrong(f"{_named(first)} and {_named(second)} can't be compared")
    return bool(first < second)


def _comparable(first: Any, second: Any) -> bool:
    kinds = [
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
        for value in (first, second)
    ]
    return kinds[0] == kinds[1]


def _text(value: Any, function: str) -> str:
    if not isinstance(value, str):
        raise wrong(f"{function} takes a text, not {_named(value)}")
    return value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _named(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= 20 else f"{text[:20]}…"


FUNCTIONS: Mapping[str, Function] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not true(value),
    "eq": _eq,
    "ne": lambda first, second: not _eq(first, second),
    "lt": _less,
    "le": lambda first, second: _less(first, second) or _eq(first, second),
    "gt": lambda first, second: not (_less(first, second) or _eq(first, second)),
    "ge": lambda first, second: not _less(first, second),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": lambda *values: joined(values),
    "println": lambda *values: " ".join(map(inner, values)) + "\n",
    "printf": _printf,
    "json": _json,
    "join": _join,
    "split": _split,
    "lower": lambda text: _text(text, "lower").lower(),
    "upper": lambda text: _text(text, "upper").upper(),
    "title": _title,
    "pad": _pad,
    "truncate": _truncate,
}

# In the line of headers a field is its column's name, whatever is made of it.
HEADER_FUNCTIONS: Mapping[str, Function] = {
    **FUNCTIONS,
    **{name: lambda text, *_: text for name in ("json", "join", "split", "lower", "upper", "title", "truncate")},
}

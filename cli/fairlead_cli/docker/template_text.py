"""How Go prints values: Println's words and Printf's verbs, as far as JSON's values go. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fairlead_cli.docker.human import quote
from fairlead_cli.docker.template_words import wrong

# Wider padding than this is a slip, and would fill memory.
WIDEST = 1000
_VERB = re.compile(r"%([-+# 0]*)([0-9]*)(?:\.([0-9]*))?(.|$)", re.DOTALL)
_NUMERIC = {"d": int, "x": int, "X": int, "o": int, "b": int, "c": int, "f": float, "e": float, "g": float}


class NoList(list[Any]):
    """A list of Go's that is not there: printed as an empty one, null as JSON."""


class NoMap(dict[str, Any]):
    """The same of a map."""


def shown(value: Any) -> str:
    """A value on its own: what is not there is "<no value>"."""
    return "<no value>" if value is None else inner(value)


def inner(value: Any) -> str:
    """A value within others: "map[a:1 b:2]", "[1 2]"."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case Mapping():
            return f"map[{' '.join(f'{key}:{_entry(value[key])}' for key in sorted(value))}]"
        case Sequence():
            return f"[{' '.join(map(inner, value))}]"
        case float():
            return f"{value:g}"
    return str(value)


def _entry(value: Any) -> str:
    """A value within a map. Docker's sets, such as exposed ports, are maps to nothing."""
    return "{}" if value == {} else inner(value)


def joined(values: Sequence[Any]) -> str:
    """As Print: a space between neighbours of which neither is a text."""
    text = ""
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            text += " "
        text += inner(value)
    return text


def formatted(pattern: str, values: Sequence[Any]) -> str:
    """As Printf."""
    left = list(values)

    def one(found: re.Match[str]) -> str:
        flags, width, digits, verb = found.groups()
        if verb == "%":
            return "%"
        if not verb:
            return "%!(NOVERB)"
        if not left:
            return f"%!{verb}(MISSING)"
        if max(int(width or 0), int(digits or 0)) > WIDEST:
            raise wrong(f"{found.group()} is wider than {WIDEST}")
        return _verb(verb, flags, int(width or 0), digits, left.pop(0))

    text = _VERB.sub(one, pattern)
    extra = ", ".join(f"{_kind(value)}={inner(value)}" for value in left)
    return f"{text}%!(EXTRA {extra})" if left else text


def _verb(verb: str, flags: str, width: int, digits: str | None, value: Any) -> str:
    text = _words(verb, "#" in flags, digits, value)
    if text is None:
        text = _number(verb, flags, digits, value)
    if text is None:
        return f"%!{verb}({_kind(value)}={inner(value)})"
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and isinstance(value, int | float):
        return text.zfill(width)
    return text.rjust(width)


def _words(verb: str, exact: bool, digits: str | None, value: Any) -> str | None:
    """What %v, %s, %q and %t make of it."""
    if verb == "v":
        return quote(value) if exact and isinstance(value, str) else inner(value)
    if verb == "t" and isinstance(value, bool):
        return inner(value)
    if verb in ("s", "q") and isinstance(value, str):
        value = value if digits is None else value[: int(digits or 0)]
        return quote(value) if verb == "q" else value
    if verb == "s" and isinstance(value, Sequence | Mapping):
        return inner(value)
    if verb == "x" and isinstance(value, str):
        return value.encode(errors="surrogateescape").hex()
    return None


def _number(verb: str, flags: str, digits: str | None, value: Any) -> str | None:
    kind = _NUMERIC.get(verb)
    if kind is None or isinstance(value, bool) or not isinstance(value, kind):
        return None
    if verb == "c" and isinstance(value, int):
        return chr(value) if 0 <= value < 0x110000 else "\ufffd"
    sign = "+" if "+" in flags else ""
    point = f".{digits or 0}" if digits is not None and kind is float else ""
    return format(value, f"{sign}{point}{verb}")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int"
        case float():
            return "float64"
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"

"""Values → the text of configuration files and flags, with what people override merged in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


def document(content: Mapping[str, Any]) -> str:
    """JSON, which every reader of YAML takes, with sorted keys: equal contents are equal files."""
    return _indented(json.dumps(content, sort_keys=True))


@lru_cache(maxsize=1024)
def _indented(text: str) -> str:
    """Most nodes have equal files, and laying out takes far longer than what is remembered by."""
    return json.dumps(json.loads(text), indent=2) + "\n"


def flags(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    """ "--name=value" each: ours in their order with the values that people gave, then people's own by name."""
    merged = {**ours, **dict(sorted(theirs.items()))}
    return tuple(f"--{name}={value}" for name, value in merged.items())


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs over ours, maps key by key, everything else as a whole."""
    result = dict(ours)
    for name, value in theirs.items():
        mine = result.get(name)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        result[name] = merged(mine, value) if both and mine is not None else value
    return result

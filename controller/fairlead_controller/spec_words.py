"""What is wrong with one field of a cluster spec, in words that people can act on."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.plan.validation import did_you_mean

KEY = "[key]"
"""What pydantic puts behind the location of a map's key."""


def unknown_keys(content: Any) -> Iterator[tuple[str, str]]:
    """Path and sentence for each key that no model knows, with the nearest one that it does know."""
    yield from _unknown(ClusterSpec, content, ())


def _unknown(model: type[BaseModel], content: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(content, Mapping):
        return
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    names = {name: field.alias or name for name, field in model.model_fields.items()}
    for key, value in content.items():
        name = names.get(str(key), str(key))
        if name not in known:
            yield ".".join((*path, str(key))), f"is no known key; {did_you_mean(str(key), tuple(known))}"
            continue
        for inner, values in _inner_models(known[name], value):
            yield from _unknown(inner, values, (*path, str(key)))
        if get_origin(known[name]) is dict and isinstance(value, Mapping):
            of = get_args(known[name])[1]
            for entry, each in value.items():
                if _is_model(of):
                    yield from _unknown(of, each, (*path, str(key), str(entry)))


def _inner_models(annotation: Any, value: Any) -> Iterator[tuple[type[BaseModel], Any]]:
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    yield from ((member, value) for member in members if _is_model(member))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def explain(detail: ErrorDetails, content: Any) -> tuple[str, str]:
    """Path and sentence of one of pydantic's errors."""
    path = _real_path(detail["loc"], content)
    said = _SAYINGS.get(".".join(path))
    kind = detail["type"]
    if kind == "missing":
        return ".".join(path), f"is missing; {said or 'write it'}"
    value = detail.get("input")
    return ".".join(path), _wrong(kind, value, said, detail)


def _wrong(kind: str, value: Any, said: str | None, detail: ErrorDetails) -> str:
    if kind in _TYPES:
        return _TYPES[kind](value, said)
    if detail["loc"][-1] == KEY:
        return f"{_shown(value)} is no name for it; write a domain in small letters, for example example.internal"
    if kind.startswith("ip_v4_network"):
        return f"{value!r} is no IPv4 network; {_as_network(value)}"
    if said:
        return f"{_shown(value)} won't do; {said}"
    message = detail["msg"]
    return f"{_shown(value)} won't do: {message[:1].lower()}{message[1:]}"


def _text(value: Any, said: str | None) -> str:
    if isinstance(value, bool | int | float):
        quoted = str(value).lower() if isinstance(value, bool) else value
        return f'{_shown(value)} is no text for YAML; {said or f"""write it in quotes: "{quoted}" """.strip()}'
    return f"{_shown(value)} is no text; {said or 'write a text'}"


def _map(value: Any, said: str | None) -> str:
    return f"{_shown(value)} is no map; {said or 'write keys with values, indented below it'}"


def _list(value: Any, said: str | None) -> str:
    return f"{_shown(value)} is no list; {said or f'write it as [{value}]'}"


_TYPES: Mapping[str, Callable[[Any, str | None], str]] = {
    "string_type": _text,
    "dict_type": _map,
    "model_type": _map,
    "tuple_type": _list,
}

_NAME = "write small letters, digits and hyphens, at most 63 characters"
_SAYINGS: Mapping[str, str] = {
    "apiVersion": "write apiVersion: fairlead/v1",
    "kind": "write kind: Cluster",
    "metadata": "write metadata: {name: NAME}",
    "metadata.name": _NAME,
    "spec": "write spec: with at least kubernetes: v1.37.2 below it",
    "spec.kubernetes": "write a full version, for example v1.37.2",
    "spec.controlPlane.count": "write 1, 3 or 5: with an even number no more servers may fail than with one less",
    "spec.controlPlane.schedulable": "write auto, true or false",
    "spec.network.nodePrefix": "write a number from 16 to 28, for example 24",
    "spec.network.domain": "write a domain in small letters, for example cluster.local",
    "spec.network.plugin": "write flannel, the only one so far",
}


def _real_path(loc: tuple[int | str, ...], content: Any) -> tuple[str, ...]:
    """Pydantic's location without what it adds for members of unions and for keys of maps."""
    path: list[str] = []
    inside = content
    for index, part in enumerate(loc):
        if _has(inside, part):
            path, inside = [*path, str(part)], inside[part]
        elif index == len(loc) - 1 and isinstance(inside, Mapping) and part != KEY:
            path.append(str(part))
    return tuple(path)


def _has(inside: Any, part: int | str) -> bool:
    if isinstance(inside, list):
        return isinstance(part, int) and part < len(inside)
    return isinstance(inside, Mapping) and part in inside


def _as_network(value: Any) -> str:
    """The network that an address with host bits lies in is most likely what was meant."""
    example = "10.244.0.0/16"
    if "/" in str(value):
        with contextlib.suppress(ValueError):
            example = str(IPv4Network(str(value), strict=False))
    return f"write {example}" if example in str(value) or "/" in str(value) else f"write for example {example}"


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."

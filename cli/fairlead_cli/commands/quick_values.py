"""Takes plain options as they are, so that typer need not import pydantic for them: a third of a command's start.

typer gives every value to a pydantic adapter, which it makes, and imports pydantic for, at the first one.
What is obviously right (a text, a flag, a number, a known word, a list of texts) passes here; all else, and with it
every error message, is left to typer. Where typer works otherwise inside, nothing is changed.
"""

from __future__ import annotations

import re
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

_LATER = object()
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def take_quickly(command: Any) -> None:
    """For all parameters of a command, and of those below it."""
    for below in getattr(command, "commands", {}).values():
        take_quickly(below)
    for parameter in command.params:
        _prepare(parameter)
    makes_help = command.get_help_option

    def help_option(ctx: Any) -> Any:
        option = makes_help(ctx)
        _prepare(option)
        return option

    command.get_help_option = help_option  # it is made when it is asked for


def _prepare(parameter: Any) -> None:
    if getattr(parameter, "_runtime_param", parameter) is None and hasattr(parameter, "type_descriptor"):
        parameter._runtime_param = _Quick(parameter.type_descriptor)


class _Quick:
    """In the place of typer's RuntimeParam."""

    def __init__(self, descriptor: Any) -> None:
        self._descriptor = descriptor
        self._kind = _LATER if _is_special(descriptor.parameter_info) else _plain(descriptor.annotation)

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        taken = taken_quickly(self._kind, value)
        if taken is not _LATER and self._fits(taken):
            return taken
        from typer._coercion import build_runtime_param

        return build_runtime_param(self._descriptor).coerce(value, param=param, ctx=ctx)

    def _fits(self, value: Any) -> bool:
        least, most = (getattr(self._descriptor.parameter_info, name, None) for name in ("min", "max"))
        return (least is None or value >= least) and (most is None or value <= most)


def taken_quickly(kind: Any, value: Any) -> Any:
    """Pure. What the value is as that kind, or a mark that this is not obvious."""
    if kind == list[str] and isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return list(value)
    if not isinstance(kind, type):
        return _LATER
    if type(value) is kind:
        return value
    if kind is int and isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if issubclass(kind, Enum) and isinstance(value, str):
        return next((each for each in kind if each.value == value), _LATER)
    return _LATER


def _plain(annotation: Any) -> Any:
    """The kind without "or nothing"."""
    if get_origin(annotation) not in (UnionType, Union):
        return annotation
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    return kinds[0] if len(kinds) == 1 else _LATER


def _is_special(info: Any) -> bool:
    """Whether more is asked of a value than its kind."""
    return any(getattr(info, name, None) is not None for name in ("parser", "click_type"))

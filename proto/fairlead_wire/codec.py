"""Frozen dataclasses ↔ protobuf messages, by field name.

The dataclasses of `task`, `assignment` and `facts` mirror messages of `fairlead.agent.v1`. One generic codec keeps
the two from drifting apart: a field that only one side has raises at the first use, and a test walks them all.
Enumerations map by name: `TaskKind.SERVICE` ↔ `TASK_KIND_SERVICE`; integer enumerations by number.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin, get_type_hints

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
T = TypeVar("T")
# The stubs of protobuf's two descriptor implementations do not agree with each other.
FieldDescriptor: TypeAlias = Any
EnumDescriptor: TypeAlias = Any


def to_message(value: Any, message_type: type[M]) -> M:
    """A message with the fields of the dataclass instance `value`. Raises KeyError for a field it lacks."""
    message = message_type()
    for field in fields(value):
        _put(message, message_type.DESCRIPTOR.fields_by_name[field.name], getattr(value, field.name))
    return message


def from_message(message: Message, value_type: type[T]) -> T:
    """The dataclass instance with the fields of `message`. Raises KeyError for a field it lacks."""
    descriptors = message.DESCRIPTOR.fields_by_name
    values = {
        name: _get(getattr(message, name), descriptors[name], hint)
        for name, hint in _hints(cast(Any, value_type)).items()
    }
    return value_type(**values)


@cache
def _hints(value_type: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(value_type)
    return {field.name: hints[field.name] for field in fields(value_type)}


@cache
def _prefix(enum: EnumDescriptor) -> str:
    """buf's STANDARD rules give every value the enum's name as prefix; the zero value ends in _UNSPECIFIED."""
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")


def _put(message: Message, descriptor: FieldDescriptor, value: Any) -> None:
    name = descriptor.name
    if isinstance(value, tuple):
        getattr(message, name).extend(_wire(descriptor, item) for item in value)
    elif is_dataclass(value):
        getattr(message, name).CopyFrom(_wire(descriptor, value))
    else:
        setattr(message, name, _wire(descriptor, value))


def _wire(descriptor: FieldDescriptor, value: Any) -> Any:
    if descriptor.message_type is not None:
        return to_message(value, cast(Any, descriptor.message_type)._concrete_class)
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, Enum):
        enum = descriptor.enum_type
        return enum.values_by_name[f"{_prefix(enum)}{value.name}"].number
    return value


def _get(value: Any, descriptor: FieldDescriptor, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        item_hint = get_args(hint)[0]
        return tuple(_plain(item, descriptor, item_hint) for item in value)
    return _plain(value, descriptor, hint)


def _plain(value: Any, descriptor: FieldDescriptor, hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or not isinstance(hint, type):
        raise TypeError(f"{descriptor.full_name}: {hint} has no wire form")
    if is_dataclass(hint):
        return from_message(value, hint)
    if issubclass(hint, IntEnum):
        return hint(value)
    if issubclass(hint, Enum):
        enum = descriptor.enum_type
        name = enum.values_by_number[value].name.removeprefix(_prefix(enum))
        # An unset enum is the dataclass's first value: older senders leave new fields out.
        return hint[name] if name in hint.__members__ else next(iter(hint))
    return value

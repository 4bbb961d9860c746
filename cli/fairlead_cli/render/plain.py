"""Messages as plain values, for `-o json`: proto field names, lower-case words for enumerations, RFC 3339 times."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fairlead_cli.render.words import enum_word, iso_time


def plain(message: Message) -> dict[str, Any]:
    """Every field, also unset ones, so that a program finds what it looks for."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def json_line(value: Any) -> str:
    """One line, for streams."""
    return json.dumps(value, ensure_ascii=False)


def word(message: Message, field_name: str) -> str:
    """The value of an enumeration field as a word."""
    field: Any = message.DESCRIPTOR.fields_by_name[field_name]
    return _enum(field.enum_type, getattr(message, field_name))


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_single(item, field) for item in value]
    return _single(value, field)


def _single(value: Any, field: Any) -> Any:
    if isinstance(value, Timestamp):
        return iso_time(value)
    if isinstance(value, Message):
        return plain(value)
    return _enum(field.enum_type, value) if field.enum_type is not None else value


def _enum(enum: Any, number: int) -> str:
    known = enum.values_by_number.get(number)
    return enum_word(known.name, enum.name) if known else str(number)

"""Every value that crosses the wire comes out as it went in, field for field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fairlead.agent.v1 import enrollment_pb2, inspection_pb2, session_pb2, snapshots_pb2, task_pb2
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec, Observation, Removal
from fairlead_wire.codec import from_message, to_message
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Inspection
from fairlead_wire.snapshots import Snapshot
from fairlead_wire.task import TaskSpec

PAIRS: list[tuple[type[Any], type[Message]]] = [
    (TaskSpec, task_pb2.TaskSpec),
    (FileSpec, task_pb2.FileSpec),
    (CertificateSpec, task_pb2.CertificateSpec),
    (ObjectSpec, task_pb2.ObjectSpec),
    (Removal, task_pb2.Removal),
    (Observation, session_pb2.Observation),
    (Facts, enrollment_pb2.Facts),
    (Inspection, inspection_pb2.Inspection),
    (Snapshot, snapshots_pb2.Snapshot),
]
st.register_type_strategy(int, st.integers(0, 2**31 - 1))


@pytest.mark.parametrize(("value_type", "message_type"), PAIRS)
def test_both_sides_have_the_same_fields(value_type: type[Any], message_type: type[Message]) -> None:
    assert {field.name for field in fields(value_type)} == {field.name for field in message_type.DESCRIPTOR.fields}


@pytest.mark.parametrize(("value_type", "message_type"), PAIRS)
def test_a_value_survives_the_wire(value_type: type[Any], message_type: type[Message]) -> None:
    @given(st.from_type(value_type))
    def check(value: Any) -> None:
        received = message_type.FromString(to_message(value, message_type).SerializeToString())
        assert from_message(received, value_type) == value

    check()


def test_an_enum_that_an_older_sender_left_out_becomes_the_first_one() -> None:
    assert from_message(task_pb2.TaskSpec(component="a", image="b"), TaskSpec).kind == "service"

"""Assignments ↔ the session's messages. An increment has the message's very fields; a whole one starts at nothing."""

from __future__ import annotations

from dataclasses import replace

from fairlead.agent.v1 import session_pb2
from fairlead_wire.assignment import Assignment, Increment, apply_increment, difference
from fairlead_wire.codec import from_message, to_message
from fairlead_wire.errors import Refused

COMPLETE = session_pb2.ASSIGNMENT_TYPE_COMPLETE
INCREMENTAL = session_pb2.ASSIGNMENT_TYPE_INCREMENTAL


def assignment_message(assignment: Assignment) -> session_pb2.Assignment:
    """The whole assignment, as COMPLETE."""
    message = to_message(difference(Assignment(), assignment), session_pb2.Assignment)
    message.type = COMPLETE
    return message


def increment_message(increment: Increment) -> session_pb2.Assignment:
    message = to_message(increment, session_pb2.Assignment)
    message.type = INCREMENTAL
    return message


def applied(held: Assignment, message: session_pb2.Assignment) -> Assignment:
    """What is held after the message.

    Raises GapError for an increment that starts elsewhere, Refused for one that says what this release does not know.
    """
    try:
        increment = from_message(message, Increment)
    except (KeyError, ValueError) as unknown:
        raise Refused(
            f"Revision {message.results_in} says what this agent does not know ({unknown}): it keeps what it has.",
            "Give this server an agent of the controller's version.",
        ) from None
    if message.type == INCREMENTAL:
        return apply_increment(held, increment)
    return apply_increment(Assignment(), replace(increment, applies_to=0))


def assignment_of(message: session_pb2.Assignment) -> Assignment:
    """The assignment of a COMPLETE message."""
    return applied(Assignment(), message)

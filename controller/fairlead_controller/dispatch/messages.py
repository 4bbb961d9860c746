"""Assignments as messages of the wire."""

from __future__ import annotations

from fairlead.agent.v1 import session_pb2 as pb
from fairlead_wire.assignment import Assignment, Increment, difference
from fairlead_wire.codec import to_message


def assignment_message(held: Assignment | None, newest: Assignment) -> pb.SessionResponse:
    """The difference between what the agent holds and the newest; all of it where that is not known."""
    if held is None:
        return _response(whole(newest), pb.ASSIGNMENT_TYPE_COMPLETE)
    return _response(difference(held, newest), pb.ASSIGNMENT_TYPE_INCREMENTAL)


def whole(assignment: Assignment) -> Increment:
    """Everything an assignment has, as an increment from nothing: both have one message."""
    return Increment(
        0,
        assignment.revision,
        assignment.cluster,
        assignment.node,
        assignment.tasks,
        assignment.files,
        assignment.certificates,
        assignment.objects,
        assignment.removals,
    )


def _response(increment: Increment, kind: pb.AssignmentType.ValueType) -> pb.SessionResponse:
    message = to_message(increment, pb.Assignment)
    message.type = kind
    return pb.SessionResponse(assignment=message)

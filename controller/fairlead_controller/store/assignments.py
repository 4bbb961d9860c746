"""Assignments: the newest of each node, sealed, because they hold the content of secret files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlmodel import Session

from fairlead.agent.v1 import session_pb2, task_pb2
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.sealing import Sealer
from fairlead_controller.store.tables import AssignmentRow
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, ObjectSpec, Removal
from fairlead_wire.codec import from_message, to_message
from fairlead_wire.task import TaskSpec

M = TypeVar("M", bound=Message)
NOTHING = Assignment()

# Node identifier → what was sealed and what is in it: decoding costs milliseconds, comparing bytes nothing.
Opened = dict[str, tuple[bytes, Assignment]]


class SqlAssignments(Repository):
    def __init__(self, session: Session, sealer: Sealer, opened: Opened) -> None:
        super().__init__(session)
        self._sealer = sealer
        self._opened = opened

    def get(self, node_id: str) -> Assignment:
        row = self._session.get(AssignmentRow, node_id)
        if row is None:
            return NOTHING
        sealed, assignment = self._opened.get(node_id, (b"", NOTHING))
        if sealed != row.sealed:
            assignment = decoded(self._sealer.open(row.sealed, _owner(node_id)))
            self._opened[node_id] = (row.sealed, assignment)
        return assignment

    def put(self, node_id: str, assignment: Assignment) -> None:
        sealed = self._sealer.seal(encoded(assignment), _owner(node_id))
        self._put(AssignmentRow(node_id=node_id, revision=assignment.revision, sealed=sealed))


def encoded(assignment: Assignment) -> bytes:
    """As on the wire: fields that a later release adds are read by an earlier one."""
    return session_pb2.Assignment(
        type=session_pb2.ASSIGNMENT_TYPE_COMPLETE,
        cluster=assignment.cluster,
        node=assignment.node,
        results_in=assignment.revision,
        tasks=_messages(assignment.tasks, task_pb2.TaskSpec),
        files=_messages(assignment.files, task_pb2.FileSpec),
        certificates=_messages(assignment.certificates, task_pb2.CertificateSpec),
        objects=_messages(assignment.objects, task_pb2.ObjectSpec),
        removals=_messages(assignment.removals, task_pb2.Removal),
    ).SerializeToString(deterministic=True)


def decoded(content: bytes) -> Assignment:
    message = session_pb2.Assignment.FromString(content)
    return Assignment(
        message.cluster,
        message.node,
        message.results_in,
        tuple(from_message(task, TaskSpec) for task in message.tasks),
        tuple(from_message(file, FileSpec) for file in message.files),
        tuple(from_message(certificate, CertificateSpec) for certificate in message.certificates),
        tuple(from_message(entry, ObjectSpec) for entry in message.objects),
        tuple(from_message(removal, Removal) for removal in message.removals),
    )


def _messages(values: Iterable[Any], message_type: type[M]) -> list[M]:
    return [to_message(value, message_type) for value in values]


def _owner(node_id: str) -> str:
    return f"assignment/{node_id}"

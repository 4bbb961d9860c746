"""Observations: what agents last reported, so that a restarted controller does not start blind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import col, delete, select

from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import ObservationRow
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

_NEWS = ("hash", "state", "message", "restarts", "sequence", "observed_ms")


class SqlObservations(Repository):
    def of(self, node_id: str) -> tuple[Observation, ...]:
        rows = select(ObservationRow).where(ObservationRow.node_id == node_id)
        ordered = rows.order_by(col(ObservationRow.subject), col(ObservationRow.name))
        return tuple(map(_observation, self._session.exec(ordered)))

    def put(self, node_id: str, observations: Iterable[Observation]) -> None:
        newest = {observation.identity: observation for observation in observations}
        self._upsert(ObservationRow, [_row(node_id, each) for each in newest.values()], _NEWS)

    def clear(self, node_id: str) -> None:
        self._session.exec(delete(ObservationRow).where(col(ObservationRow.node_id) == node_id))


def _row(node_id: str, observation: Observation) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "subject": int(observation.subject),
        "name": observation.name,
        "hash": observation.hash,
        "state": int(observation.state),
        "message": observation.message,
        "restarts": observation.restarts,
        "sequence": observation.sequence,
        "observed_ms": observation.observed_ms,
    }


def _observation(row: ObservationRow) -> Observation:
    return Observation(
        Subject(row.subject),
        row.name,
        row.hash,
        TaskState(row.state),
        row.message,
        row.restarts,
        row.sequence,
        row.observed_ms,
    )

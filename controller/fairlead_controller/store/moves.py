"""Moves: what was carried out, when, and for which operation."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlmodel import col, select

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import MoveRow
from fairlead_wire.task import canonical_json


class SqlMoves(Repository):
    def record(self, cluster: str, operation_id: str, moves: Iterable[Move], at: float) -> None:
        self._session.add_all([_row(cluster, operation_id, move, at) for move in moves])
        self._session.flush()

    def of(self, operation_id: str) -> tuple[Move, ...]:
        rows = select(MoveRow).where(MoveRow.operation_id == operation_id).order_by(col(MoveRow.id))
        return tuple(map(_move, self._session.exec(rows)))


def _row(cluster: str, operation_id: str, move: Move, at: float) -> MoveRow:
    return MoveRow(
        operation_id=operation_id,
        cluster=cluster,
        at=at,
        action=move.action.value,
        node_id=move.node_id,
        node=move.node,
        component=move.component,
        from_hash=move.from_hash,
        to_hash=move.to_hash,
        outage=move.outage,
        waits_for=move.waits_for,
        details_json=canonical_json(list(move.details)),
    )


def _move(row: MoveRow) -> Move:
    return Move(
        MoveAction(row.action),
        row.node_id,
        row.node,
        row.component,
        row.from_hash,
        row.to_hash,
        row.outage,
        row.waits_for,
        tuple(json.loads(row.details_json)),
    )

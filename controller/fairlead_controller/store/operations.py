"""Operations: the record of changes that people follow."""

from __future__ import annotations

from sqlmodel import col, select

from fairlead_controller.model.operation import Operation, OperationKind, OperationState
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import OperationRow


class SqlOperations(Repository):
    def add(self, operation: Operation) -> None:
        self._session.add(_row(operation))
        self._session.flush()

    def put(self, operation: Operation) -> None:
        self._put(_row(operation))

    def get(self, operation_id: str) -> Operation | None:
        row = self._session.get(OperationRow, operation_id)
        return None if row is None else _operation(row)

    def by_request(self, request_id: str) -> Operation | None:
        row = self._session.exec(select(OperationRow).where(OperationRow.request_id == request_id)).first()
        return None if row is None or not request_id else _operation(row)

    def running(self, cluster: str) -> Operation | None:
        of_cluster = select(OperationRow).where(OperationRow.cluster == cluster)
        running = of_cluster.where(OperationRow.state == OperationState.RUNNING.value)
        row = self._session.exec(running.order_by(col(OperationRow.created_at).desc())).first()
        return None if row is None else _operation(row)

    def all(self, cluster: str = "", limit: int = 100, before: float = 0.0) -> tuple[Operation, ...]:
        wanted = select(OperationRow)
        if cluster:
            wanted = wanted.where(OperationRow.cluster == cluster)
        if before:
            wanted = wanted.where(OperationRow.created_at < before)
        ordered = wanted.order_by(col(OperationRow.created_at).desc(), col(OperationRow.id)).limit(limit)
        return tuple(map(_operation, self._session.exec(ordered)))


def _row(operation: Operation) -> OperationRow:
    return OperationRow(
        id=operation.id,
        cluster=operation.cluster,
        kind=operation.kind.value,
        revision=operation.revision,
        state=operation.state.value,
        error=operation.error,
        request_id=operation.request_id,
        cause_id=operation.cause_id,
        created_at=operation.created_at,
        ended_at=operation.ended_at,
    )


def _operation(row: OperationRow) -> Operation:
    return Operation(
        row.id,
        row.cluster,
        OperationKind(row.kind),
        row.revision,
        OperationState(row.state),
        row.error,
        row.request_id,
        row.cause_id,
        row.created_at,
        row.ended_at,
    )

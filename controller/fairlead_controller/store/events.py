"""The event log: what happened, in order, and because of what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlmodel import col, delete, func, select

from fairlead_controller.model.event import Event
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import EventRow


class SqlEvents(Repository):
    def append(self, event: Event, at: float) -> Event:
        row = EventRow(
            at=at,
            kind=event.kind,
            message=event.message,
            cluster=event.cluster,
            node=event.node,
            component=event.component,
            cause_id=event.cause_id,
            principal=event.principal,
        )
        self._session.add(row)
        self._session.flush()
        return replace(event, id=row.id or 0, at=at)

    def page(self, cluster: str = "", node: str = "", limit: int = 100, before_id: int = 0) -> tuple[Event, ...]:
        wanted = _about(cluster, node)
        if before_id:
            wanted = wanted.where(col(EventRow.id) < before_id)
        newest = self._session.exec(wanted.order_by(col(EventRow.id).desc()).limit(limit)).all()
        return tuple(map(_event, reversed(newest)))

    def after(self, event_id: int, cluster: str = "", node: str = "", limit: int = 500) -> tuple[Event, ...]:
        later = _about(cluster, node).where(col(EventRow.id) > event_id)
        return tuple(map(_event, self._session.exec(later.order_by(col(EventRow.id)).limit(limit))))

    def newest_id(self) -> int:
        return self._session.exec(select(func.max(EventRow.id))).first() or 0

    def prune(self, before: float) -> int:
        return self._session.exec(delete(EventRow).where(col(EventRow.at) < before)).rowcount


def _about(cluster: str, node: str) -> Any:
    wanted = select(EventRow)
    if cluster:
        wanted = wanted.where(EventRow.cluster == cluster)
    return wanted.where(EventRow.node == node) if node else wanted


def _event(row: EventRow) -> Event:
    return Event(
        row.kind,
        row.message,
        row.cluster,
        row.node,
        row.component,
        row.cause_id,
        row.principal,
        row.id or 0,
        row.at,
    )

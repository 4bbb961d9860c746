"""What all repositories share: one session, and JSON columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from fairlead_controller.store.tables import Row
from fairlead_wire.task import canonical_json

R = TypeVar("R", bound=Row)
Pairs = tuple[tuple[str, str], ...]

# Both have the same `on_conflict_do_update`, and no type in common.
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Repository:
    """Rows of one aggregate, within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _put(self, row: Row) -> None:
        """Inserts or replaces the row, at once, so that what is wrong with it shows here."""
        self._session.merge(row)
        self._session.flush()

    def _upsert(self, row_type: type[R], rows: Iterable[Mapping[str, Any]], changed: tuple[str, ...]) -> None:
        """Inserts many rows; where one with the same key is, its columns `changed` are replaced."""
        values = [dict(row) for row in rows]
        if not values:
            return
        table = row_type.metadata.tables[str(row_type.__tablename__)]
        insert = _INSERTS[self._session.get_bind().dialect.name](table)
        replaced = {name: insert.excluded[name] for name in changed}
        statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced)
        self._session.connection().execute(statement, values)


def pairs_json(pairs: Pairs) -> str:
    return canonical_json(list(pairs))


def pairs_of(text: str) -> Pairs:
    return tuple((str(name), str(value)) for name, value in json.loads(text))

"""Signing keys, sealed."""

from __future__ import annotations

from sqlmodel import Session, col, delete

from fairlead_controller.model.fleet import FLEET, AuthorityRecord
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.sealing import Sealer
from fairlead_controller.store.tables import AuthorityRow
from fairlead_wire.errors import Refused


class SqlAuthorities(Repository):
    def __init__(self, session: Session, sealer: Sealer) -> None:
        super().__init__(session)
        self._sealer = sealer

    def get(self, scope: str, name: str) -> AuthorityRecord | None:
        row = self._session.get(AuthorityRow, (scope, name))
        if row is None:
            return None
        return AuthorityRecord(scope, name, row.certificate, self._sealer.open(row.sealed_key, _owner(scope, name)))

    def put(self, authority: AuthorityRecord) -> None:
        scope, name = authority.scope, authority.name
        sealed = self._sealer.seal(authority.key, _owner(scope, name))
        self._put(AuthorityRow(scope=scope, name=name, certificate=authority.certificate, sealed_key=sealed))

    def remove_scope(self, scope: str) -> None:
        """Raises Refused for the fleet's own, without which nothing of it could be renewed."""
        if scope == FLEET:
            raise Refused("The fleet's own authority is not to be removed.", "Delete a cluster by its name.")
        self._session.exec(delete(AuthorityRow).where(col(AuthorityRow.scope) == scope))


def _owner(scope: str, name: str) -> str:
    return f"authority/{scope}/{name}"

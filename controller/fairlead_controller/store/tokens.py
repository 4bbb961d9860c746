"""Join tokens: each is used once."""

from __future__ import annotations

from sqlmodel import col, select

from fairlead_controller.model.fleet import TokenRecord
from fairlead_controller.store.rows import Repository, pairs_json, pairs_of
from fairlead_controller.store.tables import TokenRow
from fairlead_wire.errors import Missing, Refused

ANOTHER = "Make another one with `fairlead token create`."


class SqlTokens(Repository):
    def add(self, token: TokenRecord) -> None:
        self._session.add(_row(token))
        self._session.flush()

    def get(self, token_id: str) -> TokenRecord | None:
        row = self._session.get(TokenRow, token_id)
        return None if row is None else _token(row)

    def by_secret_hash(self, secret_hash: str) -> TokenRecord | None:
        row = self._session.exec(select(TokenRow).where(TokenRow.secret_hash == secret_hash)).first()
        return None if row is None else _token(row)

    def all(self) -> tuple[TokenRecord, ...]:
        newest_first = select(TokenRow).order_by(col(TokenRow.created_at).desc(), col(TokenRow.id))
        return tuple(map(_token, self._session.exec(newest_first)))

    def use(self, token_id: str, node_id: str, at: float) -> None:
        """Marks it used by a node. Raises Refused if another node used it, or if it has ended; Missing."""
        row = self._existing(token_id)
        if row.used_at and row.node_id == node_id:
            return
        for is_over, how in (
            (row.used_at, "was used"),
            (row.revoked_at, "was revoked"),
            (row.expires_at <= at, "expired"),
        ):
            if is_over:
                raise Refused(f"The join token {token_id} {how}.", ANOTHER)
        row.used_at, row.node_id = at, node_id
        self._session.add(row)
        self._session.flush()

    def revoke(self, token_id: str, at: float) -> None:
        """Raises Missing. Revoking twice is revoking once."""
        row = self._existing(token_id)
        row.revoked_at = row.revoked_at or at
        self._session.add(row)
        self._session.flush()

    def _existing(self, token_id: str) -> TokenRow:
        row = self._session.get(TokenRow, token_id)
        if row is None:
            raise Missing(f"There is no join token {token_id!r}.", "See them with `fairlead token ls`.")
        return row


def _row(token: TokenRecord) -> TokenRow:
    return TokenRow(
        id=token.id,
        secret_hash=token.secret_hash,
        created_at=token.created_at,
        expires_at=token.expires_at,
        creator=token.creator,
        labels_json=pairs_json(token.labels),
        cluster=token.cluster,
        used_at=token.used_at,
        node_id=token.node_id,
        revoked_at=token.revoked_at,
    )


def _token(row: TokenRow) -> TokenRecord:
    return TokenRecord(
        row.id,
        row.secret_hash,
        row.created_at,
        row.expires_at,
        row.creator,
        pairs_of(row.labels_json),
        row.cluster,
        row.used_at,
        row.node_id,
        row.revoked_at,
    )

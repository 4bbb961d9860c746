"""Claims: which cluster a node is in, one at most."""

from __future__ import annotations

from sqlmodel import col, delete, select

from fairlead_controller.model.node import Claim, NodeRole
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import ClaimRow
from fairlead_wire.errors import Refused


class SqlClaims(Repository):
    def all(self) -> tuple[Claim, ...]:
        ordered = select(ClaimRow).order_by(col(ClaimRow.cluster), col(ClaimRow.range_index))
        return tuple(map(_claim, self._session.exec(ordered)))

    def add(self, claim: Claim) -> None:
        """Raises Refused if the node is in another cluster, or if its pod range is another node's."""
        row = self._session.get(ClaimRow, claim.node_id)
        if row is not None and row.cluster != claim.cluster:
            raise Refused(
                f"The node {claim.node_id} is in the cluster {row.cluster!r}.", "A node is in one cluster at most."
            )
        self._put(
            ClaimRow(node_id=claim.node_id, cluster=claim.cluster, role=claim.role.value, range_index=claim.range_index)
        )

    def remove(self, node_id: str) -> None:
        self._session.exec(delete(ClaimRow).where(col(ClaimRow.node_id) == node_id))


def _claim(row: ClaimRow) -> Claim:
    return Claim(row.node_id, row.cluster, NodeRole(row.role), row.range_index)

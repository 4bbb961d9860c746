"""Nodes, and what their sessions leave: when they were last seen, and how many sessions they have had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields

from sqlmodel import col, select

from fairlead_controller.model.node import Node
from fairlead_controller.store.rows import Repository, pairs_json, pairs_of
from fairlead_controller.store.tables import NodeRow, PresenceRow
from fairlead_wire.errors import Exists
from fairlead_wire.facts import Facts
from fairlead_wire.task import canonical_json


class SqlNodes(Repository):
    def get(self, node_id: str) -> Node | None:
        row = self._session.get(NodeRow, node_id)
        return None if row is None else _node(row)

    def by_name(self, name: str) -> Node | None:
        row = self._session.exec(select(NodeRow).where(NodeRow.name == name)).first()
        return None if row is None else _node(row)

    def all(self) -> tuple[Node, ...]:
        return tuple(map(_node, self._session.exec(select(NodeRow).order_by(col(NodeRow.name)))))

    def put(self, node: Node) -> None:
        other = self.by_name(node.name)
        if other is not None and other.id != node.id:
            raise Exists(f"There is another node called {node.name!r}.", "Give the server another host name.")
        self._put(_row(node))

    def last_seen(self) -> Mapping[str, float]:
        rows = self._session.exec(select(PresenceRow).where(PresenceRow.last_seen > 0))
        return {row.node_id: row.last_seen for row in rows}

    def touch(self, seen: Mapping[str, float]) -> None:
        rows = [{"node_id": node_id, "epoch": 0, "last_seen": at} for node_id, at in seen.items()]
        self._upsert(PresenceRow, rows, ("last_seen",))

    def next_epoch(self, node_id: str) -> int:
        row = self._session.get(PresenceRow, node_id) or PresenceRow(node_id=node_id, epoch=0, last_seen=0.0)
        row.epoch += 1
        self._session.add(row)
        self._session.flush()
        return row.epoch


def _row(node: Node) -> NodeRow:
    return NodeRow(
        id=node.id,
        name=node.name,
        facts_json=canonical_json(asdict(node.facts)),
        labels_json=pairs_json(node.labels),
        wanted_cluster=node.wanted_cluster,
        enrolled_at=node.enrolled_at,
        certificate_ends=node.certificate_ends,
        key_digest=node.key_digest,
        token_id=node.token_id,
        revoked=node.revoked,
    )


def _node(row: NodeRow) -> Node:
    return Node(
        row.id,
        row.name,
        _facts(row.facts_json),
        pairs_of(row.labels_json),
        row.wanted_cluster,
        row.enrolled_at,
        row.certificate_ends,
        row.key_digest,
        row.token_id,
        row.revoked,
    )


def _facts(text: str) -> Facts:
    """Facts as an older or newer release stored them: what is unknown is left out, what is missing has its default."""
    known = {field.name for field in fields(Facts)}
    return Facts(**{name: value for name, value in json.loads(text).items() if name in known})

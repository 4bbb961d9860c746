"""Nodes and the claims that clusters have on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fairlead_wire.facts import Facts


class NodeRole(StrEnum):
    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


@dataclass(frozen=True)
class Node:
    """A server whose agent has enrolled. Labels are sorted pairs; times are seconds since 1970.

    `key_digest`: SHA-256 of its public key, hexadecimal; `token_id`: the join token that it used.
    """

    id: str
    name: str
    facts: Facts
    labels: tuple[tuple[str, str], ...] = ()
    wanted_cluster: str = ""
    enrolled_at: float = 0.0
    certificate_ends: float = 0.0
    key_digest: str = ""
    token_id: str = ""
    revoked: bool = False

    @property
    def address(self) -> str:
        return self.facts.address

    def label(self, name: str) -> str:
        return dict(self.labels).get(name, "")


@dataclass(frozen=True)
class Claim:
    """A node's place in a cluster: a node has at most one. `range_index` numbers its pod range within the cluster's."""

    node_id: str
    cluster: str
    role: NodeRole
    range_index: int


@dataclass(frozen=True)
class Fleet:
    """All nodes, by identifier, with the claims of every cluster and who has a session now.

    `unconfirmed`: the database was restored, and until an admin confirms it nothing may be begun on any node.
    `observed_only`: connected, but nothing may be begun there, for its agent knows more than the restored database.
    """

    nodes: tuple[Node, ...] = ()
    claims: tuple[Claim, ...] = ()
    reachable: frozenset[str] = field(default_factory=frozenset)
    observed_only: frozenset[str] = field(default_factory=frozenset)
    unconfirmed: bool = False

    def node(self, node_id: str) -> Node:
        return next(node for node in self.nodes if node.id == node_id)

    def claims_of(self, cluster: str) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.cluster == cluster)

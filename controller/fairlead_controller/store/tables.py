"""The tables. Rows stay in this room: repositories turn them into frozen values and back.

Times are seconds since 1970, 0 for not yet. Columns that end in `_json` hold canonical JSON, `sealed` ones what
`sealing` made. Tables that record history (operations, moves, events) refer to nodes and clusters by name only: they
outlive them.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel

# SQLite numbers rows by itself only in a column of type INTEGER; elsewhere 32 bits are too few.
_Number = BigInteger().with_variant(Integer(), "sqlite")


class Row(SQLModel):
    # Names for every constraint, so that migrations can change them on any database.
    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class SealRow(Row, table=True):
    """Where the key lies that opens the sealed columns, and something sealed with it to know it by. One row."""

    __tablename__ = "seal"
    id: int = Field(primary_key=True)
    kind: str
    path: str
    salt: bytes = Field(sa_type=LargeBinary)
    sealed_check: bytes = Field(sa_type=LargeBinary)


class FleetRow(Row, table=True):
    """One row."""

    __tablename__ = "fleet"
    row: int = Field(primary_key=True)
    id: str
    generation: int
    enrolment_endpoint: str
    fleet_endpoint: str
    created_at: float
    restored_at: float


class AuthorityRow(Row, table=True):
    __tablename__ = "authority"
    scope: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    certificate: bytes = Field(sa_type=LargeBinary)
    sealed_key: bytes = Field(sa_type=LargeBinary)


class NodeRow(Row, table=True):
    __tablename__ = "node"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    facts_json: str
    labels_json: str
    wanted_cluster: str
    enrolled_at: float
    certificate_ends: float
    key_digest: str = Field(index=True)
    token_id: str
    revoked: bool


class PresenceRow(Row, table=True):
    """What changes with a node's sessions and not with the node."""

    __tablename__ = "presence"
    node_id: str = Field(primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    last_seen: float


class TokenRow(Row, table=True):
    __tablename__ = "token"
    id: str = Field(primary_key=True)
    secret_hash: str = Field(unique=True)
    created_at: float = Field(index=True)
    expires_at: float
    creator: str
    labels_json: str
    cluster: str
    used_at: float
    node_id: str
    revoked_at: float


class ClusterRow(Row, table=True):
    __tablename__ = "cluster"
    name: str = Field(primary_key=True)
    revision: int
    phase: str
    destroy_data: bool
    first_accepted_at: float


class RevisionRow(Row, table=True):
    __tablename__ = "revision"
    cluster: str = Field(primary_key=True, foreign_key="cluster.name")
    number: int = Field(primary_key=True)
    spec_json: str
    spec_yaml: str
    files_json: str
    accepted_at: float


class ClaimRow(Row, table=True):
    __tablename__ = "claim"
    __table_args__ = (UniqueConstraint("cluster", "range_index"),)
    node_id: str = Field(primary_key=True, foreign_key="node.id")
    cluster: str = Field(foreign_key="cluster.name")
    role: str
    range_index: int


class AssignmentRow(Row, table=True):
    __tablename__ = "assignment"
    node_id: str = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
    sealed: bytes = Field(sa_type=LargeBinary)


class ObservationRow(Row, table=True):
    __tablename__ = "observation"
    node_id: str = Field(primary_key=True)
    subject: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    hash: str
    state: int
    message: str
    restarts: int
    sequence: int = Field(sa_type=BigInteger)
    observed_ms: int = Field(sa_type=BigInteger)


class OperationRow(Row, table=True):
    __tablename__ = "operation"
    id: str = Field(primary_key=True)
    cluster: str = Field(index=True)
    kind: str
    revision: int
    state: str
    error: str
    request_id: str = Field(index=True)
    cause_id: int = Field(sa_type=BigInteger)
    created_at: float = Field(index=True)
    ended_at: float


class MoveRow(Row, table=True):
    __tablename__ = "move"
    id: int | None = Field(default=None, primary_key=True, sa_type=_Number)
    operation_id: str = Field(index=True)
    cluster: str
    at: float
    action: str
    node_id: str
    node: str
    component: str
    from_hash: str
    to_hash: str
    outage: bool
    waits_for: str
    details_json: str


class RegistryRow(Row, table=True):
    """A registry outside of the fleet."""

    __tablename__ = "registry"
    host: str = Field(primary_key=True)
    mirrors_json: str
    username: str
    sealed_password: bytes = Field(sa_type=LargeBinary)
    updated_at: float


class EventRow(Row, table=True):
    __tablename__ = "event"
    # Identifiers are never used again, also after the oldest events have gone: followers ask for what came after one.
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: int | None = Field(default=None, primary_key=True, sa_type=_Number)
    at: float = Field(index=True)
    kind: str
    message: str
    cluster: str = Field(index=True)
    node: str = Field(index=True)
    component: str
    cause_id: int = Field(sa_type=BigInteger)
    principal: str

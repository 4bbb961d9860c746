"""What the controller asks of its database. No row leaves `store/`: everything here is a frozen value of `model/`.

Repositories are synchronous and live for one transaction; `Store` runs a function over them, in its own thread or,
in tests, in place. Keys and assignments are sealed at rest; callers see them open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord, TokenRecord
from fairlead_controller.model.move import Move
from fairlead_controller.model.node import Claim, Node
from fairlead_controller.model.operation import Operation
from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_wire.assignment import Assignment, Observation

T = TypeVar("T")


@dataclass(frozen=True)
class Revision:
    """One accepted version of a cluster's spec, as declared. `accepted_at`: seconds since 1970."""

    cluster: str
    number: int
    spec_yaml: str
    accepted_at: float
    first_accepted_at: float
    files: Mapping[str, str] = field(default_factory=dict)


class Fleets(Protocol):
    def get(self) -> FleetRecord | None: ...
    def put(self, fleet: FleetRecord) -> None: ...


class Authorities(Protocol):
    def get(self, scope: str, name: str) -> AuthorityRecord | None: ...
    def put(self, authority: AuthorityRecord) -> None: ...
    def remove_scope(self, scope: str) -> None: ...


class Nodes(Protocol):
    def get(self, node_id: str) -> Node | None: ...
    def by_name(self, name: str) -> Node | None: ...
    def all(self) -> tuple[Node, ...]:
        """By name."""
        ...

    def put(self, node: Node) -> None: ...
    def last_seen(self) -> Mapping[str, float]: ...
    def touch(self, seen: Mapping[str, float]) -> None: ...
    def next_epoch(self, node_id: str) -> int:
        """The number of a new session of this node: 1, 2, …"""
        ...


class Tokens(Protocol):
    def add(self, token: TokenRecord) -> None: ...
    def get(self, token_id: str) -> TokenRecord | None: ...
    def by_secret_hash(self, secret_hash: str) -> TokenRecord | None: ...
    def all(self) -> tuple[TokenRecord, ...]:
        """Newest first."""
        ...

    def use(self, token_id: str, node_id: str, at: float) -> None: ...
    def revoke(self, token_id: str, at: float) -> None: ...


class Clusters(Protocol):
    def get(self, name: str) -> Cluster | None:
        """The newest revision."""
        ...

    def all(self) -> tuple[Cluster, ...]: ...
    def revision(self, name: str, number: int = 0) -> Revision | None:
        """That revision, the newest for 0."""
        ...

    def accept(self, spec: ClusterSpec, spec_yaml: str, files: Mapping[str, str], at: float) -> Cluster:
        """Stores the next revision (1 for a new cluster)."""
        ...

    def set_phase(self, name: str, phase: ClusterPhase, destroy_data: bool) -> None: ...
    def remove(self, name: str) -> None: ...


class Claims(Protocol):
    def all(self) -> tuple[Claim, ...]: ...
    def add(self, claim: Claim) -> None: ...
    def remove(self, node_id: str) -> None: ...


class Assignments(Protocol):
    def get(self, node_id: str) -> Assignment:
        """The newest one; the empty assignment of revision 0 if there never was one."""
        ...

    def put(self, node_id: str, assignment: Assignment) -> None: ...


class Observations(Protocol):
    def of(self, node_id: str) -> tuple[Observation, ...]: ...
    def put(self, node_id: str, observations: Iterable[Observation]) -> None:
        """Newest wins, one for each subject."""
        ...

    def clear(self, node_id: str) -> None: ...


class Operations(Protocol):
    def add(self, operation: Operation) -> None: ...
    def put(self, operation: Operation) -> None: ...
    def get(self, operation_id: str) -> Operation | None: ...
    def by_request(self, request_id: str) -> Operation | None: ...
    def running(self, cluster: str) -> Operation | None: ...
    def all(self, cluster: str = "", limit: int = 100, before: float = 0.0) -> tuple[Operation, ...]:
        """Newest first; `before` is a created_at, 0 for the newest."""
        ...


class Moves(Protocol):
    def record(self, cluster: str, operation_id: str, moves: Iterable[Move], at: float) -> None: ...
    def of(self, operation_id: str) -> tuple[Move, ...]: ...


class Events(Protocol):
    def append(self, event: Event, at: float) -> Event:
        """The event with its id and time."""
        ...

    def page(self, cluster: str = "", node: str = "", limit: int = 100, before_id: int = 0) -> tuple[Event, ...]:
        """The newest `limit` (older than `before_id`, unless 0), oldest first."""
        ...

    def after(self, event_id: int, cluster: str = "", node: str = "", limit: int = 500) -> tuple[Event, ...]: ...
    def newest_id(self) -> int: ...
    def prune(self, before: float) -> int:
        """Removes events from before that time; how many."""
        ...


class Registries(Protocol):
    def get(self, host: str) -> UpstreamRegistry | None: ...
    def all(self) -> tuple[UpstreamRegistry, ...]:
        """By host."""
        ...

    def put(self, registry: UpstreamRegistry) -> None: ...
    def remove(self, host: str) -> bool:
        """Whether there was one."""
        ...


class Repositories(Protocol):
    """All repositories of one transaction."""

    fleets: Fleets
    authorities: Authorities
    nodes: Nodes
    tokens: Tokens
    clusters: Clusters
    claims: Claims
    assignments: Assignments
    observations: Observations
    operations: Operations
    moves: Moves
    events: Events
    registries: Registries


class Store(Protocol):
    async def read(self, work: Callable[[Repositories], T]) -> T:
        """Runs `work` over a consistent view."""
        ...

    async def write(self, work: Callable[[Repositories], T]) -> T:
        """Runs `work` in one transaction, alone; an exception undoes all of it."""
        ...

    async def note(self, work: Callable[[Repositories], T]) -> T:
        """As `write`, cheaper, for what agents report again anyway: a power cut may take the newest of it."""
        ...

    async def close(self) -> None: ...

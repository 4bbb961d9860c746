"""The controller's repositories as dictionaries: a hundredth of what a database in memory costs, and no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord, TokenRecord
from fairlead_controller.model.move import Move
from fairlead_controller.model.node import Claim, Node
from fairlead_controller.model.operation import Operation, OperationState
from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_controller.store import port
from fairlead_controller.store.port import Revision
from fairlead_wire.assignment import Assignment, Observation, Subject
from fairlead_wire.errors import Refused

Seen = dict[tuple[Subject, str], Observation]


@dataclass
class Tables:
    """All that is stored. Values are frozen; whoever changes a dictionary inside one replaces it."""

    fleet: list[FleetRecord] = field(default_factory=list)
    authorities: dict[tuple[str, str], AuthorityRecord] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    presence: dict[str, float] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    revisions: dict[tuple[str, int], Revision] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)
    observations: dict[str, Seen] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    moves: list[tuple[str, Move]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def copy(self) -> Tables:
        """For a transaction that may be undone."""
        return Tables(**{name: value.copy() for name, value in vars(self).items()})


@dataclass(frozen=True)
class Fleets:
    at: Tables

    def get(self) -> FleetRecord | None:
        return self.at.fleet[0] if self.at.fleet else None

    def put(self, fleet: FleetRecord) -> None:
        self.at.fleet = [fleet]


@dataclass(frozen=True)
class Authorities:
    at: Tables

    def get(self, scope: str, name: str) -> AuthorityRecord | None:
        return self.at.authorities.get((scope, name))

    def put(self, authority: AuthorityRecord) -> None:
        self.at.authorities[authority.scope, authority.name] = authority

    def remove_scope(self, scope: str) -> None:
        self.at.authorities = {key: value for key, value in self.at.authorities.items() if key[0] != scope}


@dataclass(frozen=True)
class Nodes:
    at: Tables

    def get(self, node_id: str) -> Node | None:
        return self.at.nodes.get(node_id)

    def by_name(self, name: str) -> Node | None:
        return next((node for node in self.at.nodes.values() if node.name == name), None)

    def all(self) -> tuple[Node, ...]:
        return tuple(sorted(self.at.nodes.values(), key=lambda node: node.name))

    def put(self, node: Node) -> None:
        self.at.nodes[node.id] = node

    def last_seen(self) -> Mapping[str, float]:
        return dict(self.at.presence)

    def touch(self, seen: Mapping[str, float]) -> None:
        self.at.presence |= seen

    def next_epoch(self, node_id: str) -> int:
        self.at.epochs[node_id] = self.at.epochs.get(node_id, 0) + 1
        return self.at.epochs[node_id]


class Tokens:
    """The simulated servers are enrolled already."""

    def add(self, token: TokenRecord) -> None:
        raise NotImplementedError

    def get(self, token_id: str) -> TokenRecord | None:
        return None

    def by_secret_hash(self, secret_hash: str) -> TokenRecord | None:
        return None

    def all(self) -> tuple[TokenRecord, ...]:
        return ()

    def use(self, token_id: str, node_id: str, at: float) -> None:
        raise NotImplementedError

    def revoke(self, token_id: str, at: float) -> None:
        raise NotImplementedError


class Registries:
    """Nothing is said of any."""

    def get(self, host: str) -> UpstreamRegistry | None:
        return None

    def all(self) -> tuple[UpstreamRegistry, ...]:
        return ()

    def put(self, registry: UpstreamRegistry) -> None:
        raise NotImplementedError

    def remove(self, host: str) -> bool:
        return False


@dataclass(frozen=True)
class Clusters:
    at: Tables

    def get(self, name: str) -> Cluster | None:
        return self.at.clusters.get(name)

    def all(self) -> tuple[Cluster, ...]:
        return tuple(sorted(self.at.clusters.values(), key=lambda cluster: cluster.name))

    def revision(self, name: str, number: int = 0) -> Revision | None:
        cluster = self.at.clusters.get(name)
        return self.at.revisions.get((name, number or cluster.revision)) if cluster else None

    def accept(self, spec: ClusterSpec, spec_yaml: str, files: Mapping[str, str], at: float) -> Cluster:
        before = self.at.clusters.get(spec.name) or Cluster(spec.name, 0, spec)
        first = self.at.revisions.get((spec.name, 1))
        cluster = replace(before, revision=before.revision + 1, spec=spec, files=dict(files))
        revision = Revision(
            spec.name, cluster.revision, spec_yaml, at, first.accepted_at if first else at, cluster.files
        )
        self.at.clusters[spec.name], self.at.revisions[spec.name, cluster.revision] = cluster, revision
        return cluster

    def set_phase(self, name: str, phase: ClusterPhase, destroy_data: bool) -> None:
        self.at.clusters[name] = replace(self.at.clusters[name], phase=phase, destroy_data=destroy_data)

    def remove(self, name: str) -> None:
        if any(claim.cluster == name for claim in self.at.claims.values()):
            raise Refused(f"The cluster {name!r} still has nodes.")
        self.at.clusters.pop(name, None)
        self.at.revisions = {key: value for key, value in self.at.revisions.items() if key[0] != name}


@dataclass(frozen=True)
class Claims:
    at: Tables

    def all(self) -> tuple[Claim, ...]:
        return tuple(sorted(self.at.claims.values(), key=lambda claim: (claim.cluster, claim.range_index)))

    def add(self, claim: Claim) -> None:
        for other in self.at.claims.values():
            if other.node_id == claim.node_id and other.cluster != claim.cluster:
                raise Refused(f"The node {claim.node_id} is in the cluster {other.cluster!r}.")
            if other.node_id != claim.node_id and other.cluster == claim.cluster:
                assert other.range_index != claim.range_index, "two nodes share a pod range"
        self.at.claims[claim.node_id] = claim

    def remove(self, node_id: str) -> None:
        self.at.claims.pop(node_id, None)


@dataclass(frozen=True)
class Assignments:
    at: Tables

    def get(self, node_id: str) -> Assignment:
        return self.at.assignments.get(node_id, Assignment())

    def put(self, node_id: str, assignment: Assignment) -> None:
        self.at.assignments[node_id] = assignment


@dataclass(frozen=True)
class Observations:
    at: Tables

    def of(self, node_id: str) -> tuple[Observation, ...]:
        return tuple(sorted(self.at.observations.get(node_id, {}).values(), key=lambda item: item.identity))

    def put(self, node_id: str, observations: Iterable[Observation]) -> None:
        news = {item.identity: item for item in observations}
        self.at.observations[node_id] = {**self.at.observations.get(node_id, {}), **news}

    def clear(self, node_id: str) -> None:
        self.at.observations.pop(node_id, None)


@dataclass(frozen=True)
class Operations:
    at: Tables

    def add(self, operation: Operation) -> None:
        assert operation.id not in self.at.operations, "two operations have one identifier"
        self.put(operation)

    def put(self, operation: Operation) -> None:
        self.at.operations[operation.id] = operation

    def get(self, operation_id: str) -> Operation | None:
        return self.at.operations.get(operation_id)

    def by_request(self, request_id: str) -> Operation | None:
        found = (item for item in self.at.operations.values() if request_id and item.request_id == request_id)
        return next(found, None)

    def running(self, cluster: str) -> Operation | None:
        return next((item for item in self.all(cluster) if item.state is OperationState.RUNNING), None)

    def all(self, cluster: str = "", limit: int = 100, before: float = 0.0) -> tuple[Operation, ...]:
        found = [item for item in self.at.operations.values() if cluster in ("", item.cluster)]
        found = [item for item in found if not before or item.created_at < before]
        return tuple(sorted(found, key=lambda item: (-item.created_at, item.id))[:limit])


@dataclass(frozen=True)
class Moves:
    at: Tables

    def record(self, cluster: str, operation_id: str, moves: Iterable[Move], at: float) -> None:
        self.at.moves += [(operation_id, move) for move in moves]

    def of(self, operation_id: str) -> tuple[Move, ...]:
        return tuple(move for id, move in self.at.moves if id == operation_id)


@dataclass(frozen=True)
class Events:
    at: Tables

    def append(self, event: Event, at: float) -> Event:
        told = replace(event, id=len(self.at.events) + 1, at=at)
        self.at.events.append(told)
        return told

    def page(self, cluster: str = "", node: str = "", limit: int = 100, before_id: int = 0) -> tuple[Event, ...]:
        found = [item for item in self._about(cluster, node) if not before_id or item.id < before_id]
        return tuple(found[-limit:])

    def after(self, event_id: int, cluster: str = "", node: str = "", limit: int = 500) -> tuple[Event, ...]:
        return tuple(item for item in self._about(cluster, node) if item.id > event_id)[:limit]

    def newest_id(self) -> int:
        return len(self.at.events)

    def prune(self, before: float) -> int:
        return 0

    def _about(self, cluster: str, node: str) -> list[Event]:
        return [item for item in self.at.events if cluster in ("", item.cluster) and node in ("", item.node)]


class TableRepositories:
    """All repositories over one set of tables."""

    def __init__(self, tables: Tables) -> None:
        self.fleets: port.Fleets = Fleets(tables)
        self.authorities: port.Authorities = Authorities(tables)
        self.nodes: port.Nodes = Nodes(tables)
        self.tokens: port.Tokens = Tokens()
        self.clusters: port.Clusters = Clusters(tables)
        self.claims: port.Claims = Claims(tables)
        self.assignments: port.Assignments = Assignments(tables)
        self.observations: port.Observations = Observations(tables)
        self.operations: port.Operations = Operations(tables)
        self.moves: port.Moves = Moves(tables)
        self.events: port.Events = Events(tables)
        self.registries: port.Registries = Registries()

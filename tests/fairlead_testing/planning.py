"""Builders for the planner's values, and a world without threads or clocks in which plans are carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.move import Move
from fairlead_controller.model.node import Claim, Fleet, Node
from fairlead_controller.model.snapshot import Cluster, ClusterPhase, Material, Snapshot
from fairlead_controller.plan import diff, rollout
from fairlead_controller.plan.progress import Progress, progress
from fairlead_controller.spec_file import parse
from fairlead_wire.assignment import Assignment, Observation, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskState

ZONE = """\
$ORIGIN example.internal.
@   3600 IN SOA ns admin 1 7200 3600 1209600 60
@   3600 IN NS  ns
ns  3600 IN A   172.30.0.11
www 3600 IN A   10.9.8.7
"""
ONE_SERVER = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {name: lab}
spec:
  kubernetes: v1.37.2
  controlPlane: {count: 1}
  dns: {zones: {example.internal: zones/example.internal.zone}}
"""
FILES = {"zones/example.internal.zone": ZONE}
MATERIAL = Material(
    {name: f"(certificate of the {name} authority)\n".encode() for name in ("cluster", "front-proxy", "etcd")},
    {"sa.key": b"(service-account key)\n", "sa.pub": b"(its public key)\n", "ca.key": b"(cluster authority's key)\n"},
)

Key = tuple[Subject, str]


def node(
    number: int = 1, name: str = "", labels: Mapping[str, str] | None = None, cluster: str = "lab", **facts: Any
) -> Node:
    """A server like the lab's: `lab-1` at 172.30.0.11, its token for cluster `lab`."""
    name = name or f"lab-{number}"
    known = Facts(
        name,
        docker_version="26.1.5",
        docker_api="1.45",
        cgroup_version=1,
        conntrack_writable=False,
        address=f"172.30.0.{10 + number}",
    )
    pairs = tuple(sorted((labels or {}).items()))
    return Node(f"id-{name}", name, replace(known, **facts), pairs, cluster)


def fleet(nodes: Iterable[Node], claims: Iterable[Claim] = (), away: Iterable[str] = ()) -> Fleet:
    """All of them have a session, except those whose names are in `away`."""
    nodes, absent = tuple(nodes), set(away)
    return Fleet(nodes, tuple(claims), frozenset(each.id for each in nodes if each.name not in absent))


def spec(text: str = ONE_SERVER, **declared: Any) -> ClusterSpec:
    """The spec of this text with fields of its `spec` replaced, by their names in the file."""
    parsed = parse(text, FILES, "cluster.yaml")
    if not declared:
        return parsed
    content = parsed.model_dump(by_alias=True)
    content["spec"].update(declared)
    return ClusterSpec.model_validate(content)


def cluster(revision: int = 1, **declared: Any) -> Cluster:
    return Cluster("lab", revision, spec(**declared), FILES)


@dataclass
class World:
    """Servers, a cluster and a database. `broken`: hashes of tasks that never become healthy."""

    nodes: tuple[Node, ...]
    cluster: Cluster
    claims: tuple[Claim, ...] = ()
    held: dict[str, Assignment] = field(default_factory=dict)
    observed: dict[str, dict[Key, Observation]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    done: list[Move] = field(default_factory=list)
    ticks: int = 0

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.cluster,
            fleet(self.nodes, self.claims, self.away),
            MATERIAL,
            dict(self.held),
            {node_id: dict(seen) for node_id, seen in self.observed.items()},
        )

    def plan(self) -> tuple[Move, ...]:
        snapshot = self.snapshot()
        return rollout.next_moves(snapshot, diff.moves(snapshot))

    def ready(self) -> tuple[Move, ...]:
        return tuple(move for move in self.plan() if not move.waits_for)

    def progress(self) -> Progress:
        return progress(self.snapshot(), self.plan())

    def perform(self, moves: Iterable[Move]) -> None:
        """One transaction of the controller."""
        moves = tuple(moves)
        changes = rollout.perform(self.snapshot(), moves)
        gone = {claim.node_id for claim in changes.claims_removed}
        self.claims = (*(claim for claim in self.claims if claim.node_id not in gone), *changes.claims_added)
        self.held |= changes.assignments
        for node_id in gone:
            self.observed.pop(node_id, None)
        self.done += moves

    def pending(self) -> list[tuple[str, Key]]:
        """What agents have still to do, as node identifier and subject."""
        todo = []
        for each in self.nodes:
            if each.name not in self.away:
                seen = self.observed.get(each.id, {})
                todo += [(each.id, want.identity) for want in self._outcomes(each.id) if not _same(seen, want)]
        return todo

    def settle(self, node_id: str, key: Key) -> None:
        """The agent of this node has done this one thing."""
        self.ticks += 1
        outcome = next(want for want in self._outcomes(node_id) if want.identity == key)
        self.see(node_id, replace(outcome, observed_ms=self.ticks))

    def settle_all(self) -> None:
        for node_id, key in self.pending():
            self.settle(node_id, key)

    def see(self, node_id: str, observation: Observation) -> None:
        self.observed.setdefault(node_id, {})[observation.identity] = observation

    def run(self, most: int = 200) -> None:
        """Until nothing may happen any more. Fails if it does not end."""
        for _ in range(most):
            ready = self.ready()
            self.perform(ready)
            if not ready and not self.pending():
                return
            self.settle_all()
        raise AssertionError(f"still not at rest: {self.plan()}")

    def apply(self, **declared: Any) -> None:
        """The next revision of the spec."""
        self.cluster = cluster(self.cluster.revision + 1, **declared)

    def delete(self, destroy_data: bool = False) -> None:
        self.cluster = replace(self.cluster, phase=ClusterPhase.DELETING, destroy_data=destroy_data)

    def actions(self) -> list[str]:
        """What was done, in words: "place etcd on lab-1"."""
        return [words(move) for move in self.done]

    def _outcomes(self, node_id: str) -> Iterable[Observation]:
        """What an agent reports of each thing that it holds, once it is through with it."""
        held = self.held.get(node_id, Assignment())
        for task in held.tasks:
            found = task.hash
            state = TaskState.FAILED if found in self.broken else TaskState.HEALTHY
            said = "exited with code 1" if state is TaskState.FAILED else ""
            yield Observation(Subject.TASK, task.component, found, state, said)
        for spec in held.objects:
            yield Observation(Subject.OBJECT, spec.name, spec.digest, TaskState.HEALTHY)
        for removal in held.removals:
            yield Observation(Subject.REMOVAL, removal.name, removal.hash, TaskState.REMOVED)


def one_server(**declared: Any) -> World:
    """One server that has everything and is at rest."""
    world = World((node(),), cluster(**declared))
    world.run()
    return world


def words(move: Move) -> str:
    return f"{move.action} {move.component} on {move.node}".replace("  ", " ")


def _same(seen: Mapping[Key, Observation], want: Observation) -> bool:
    there = seen.get(want.identity)
    return there is not None and (there.hash, there.state) == (want.hash, want.state)

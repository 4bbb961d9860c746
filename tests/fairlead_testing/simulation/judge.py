"""Whether the fleet has come to what was acknowledged, and is at rest. "" or the first thing that is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fairlead_agent.runtime.port import ContainerStatus
from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.node import Fleet
from fairlead_controller.model.operation import Operation, OperationState
from fairlead_controller.model.snapshot import Cluster, Snapshot
from fairlead_controller.pki.cluster import material
from fairlead_controller.plan import diff
from fairlead_controller.plan.desired import desired
from fairlead_controller.plan.placement import place
from fairlead_controller.rounds import think
from fairlead_controller.spec_file import parse
from fairlead_controller.store.port import Repositories
from fairlead_testing.simulation.database import Database
from fairlead_testing.simulation.engine import STRANGER
from fairlead_testing.simulation.host import DATA
from fairlead_testing.simulation.person import CLUSTER, Intent, Person
from fairlead_testing.simulation.server import SimulatedServer
from fairlead_wire.assignment import Assignment, Subject
from fairlead_wire.task import TaskState

_WELL = frozenset(state.word for state in TaskState if state.settled)


@dataclass(frozen=True)
class Judge:
    database: Database
    servers: Sequence[SimulatedServer]
    person: Person

    def operation(self) -> Operation | None:
        """The newest one."""
        return next(iter(self.database.now(lambda repositories: repositories.operations.all(CLUSTER))), None)

    def missing(self, last: Intent) -> str:
        """What keeps the fleet from being as `last` says."""
        if self.person.acknowledged is not last:
            return "the last intent is not acknowledged"
        operation = self.operation()
        if operation is not None and operation.state is OperationState.RUNNING:
            return f"{operation.kind} of revision {operation.revision} is still running{self.waits()}"
        cluster = self.database.now(lambda repositories: repositories.clusters.get(CLUSTER))
        if not last.spec_yaml:
            return f"cluster {CLUSTER} is still there" if cluster else next(self._left_over(), "")
        if cluster is None:
            return "the cluster is gone"
        return next(self._not_as_declared(cluster, last), "")

    def waits(self) -> str:
        """For what an operation waits, as people would be told."""
        cluster = self.database.now(lambda repositories: repositories.clusters.get(CLUSTER))
        if cluster is None:
            return ""
        steps = think(self.database.now(lambda repositories: _snapshot(repositories, cluster))).progress.steps
        open_ones = [step for step in steps if step.state not in _WELL]
        return "".join(f"\n  {step.node} {step.component}: {step.state} {step.message}" for step in open_ones)

    def lost(self) -> Iterator[str]:
        """What must be there at the end of every simulation, whatever was wanted."""
        for server in self.servers:
            if not server.engine.has(server.engine.strangers[0]):
                yield f"{server.name}: {STRANGER} was removed"

    def _left_over(self) -> Iterator[str]:
        for server in self.servers:
            for held in server.engine.all():
                yield f"{server.name}: {held.name} is left"

    def _not_as_declared(self, cluster: Cluster, last: Intent) -> Iterator[str]:
        files = dict(last.files)
        if cluster.spec != _spec(last) or dict(cluster.files) != files:
            yield f"revision {cluster.revision} is not what was acknowledged last"
        if cluster.revision != self.person.revision:
            yield f"revision {cluster.revision} is there, {self.person.revision} was acknowledged last"
        snapshot = self.database.now(lambda repositories: _snapshot(repositories, cluster))
        for move in diff.moves(snapshot):
            yield f"a move is left: {move.action} {move.component} on {move.node}"
        wanted = desired(snapshot, place(cluster, snapshot.fleet).claims)
        for server in self.servers:
            yield from self._server(server, wanted.get(server.identity.node_id, Assignment()), snapshot)

    def _server(self, server: SimulatedServer, wanted: Assignment, snapshot: Snapshot) -> Iterator[str]:
        held = snapshot.held[server.identity.node_id]
        if server.loop.view.assignment != held:
            yield f"{server.name} holds revision {server.loop.view.assignment.revision}, not {held.revision}"
        names = {f"fairlead-{task.component}": task for task in wanted.tasks}
        there = {each.name: each for each in server.engine.all()}
        for name in sorted(set(there) - set(names)):
            yield f"{server.name}: {name} is there and not wanted"
        for name, task in names.items():
            found = there.get(name)
            if found is None:
                yield f"{server.name}: {name} is missing"
            elif found.labels.get("fairlead.hash") != task.hash or found.spec != task:
                yield f"{server.name}: {name} is of another spec"
            elif found.status is not ContainerStatus.RUNNING:
                yield f"{server.name}: {name} is {found.status.value}"
            else:
                seen = snapshot.observed[server.identity.node_id]
                tasks = (item for item in seen.values() if item.subject is Subject.TASK)
                states = [item.state.word for item in tasks if item.name == task.component]
                if states != ["healthy"]:
                    yield f"{server.name}: {task.component} is seen {states}"
        yield from _files(server, wanted)

    def data_kept(self, intents: Sequence[Intent]) -> bool:
        """Whether etcd's data is there, if there ever was any and nobody said that it should go."""
        allowed = any(intent.destroy_data for intent in intents)
        return allowed or all(DATA in server.host.files for server in self.servers if server.had_data)


@lru_cache(maxsize=4)
def _spec(intent: Intent) -> ClusterSpec:
    return parse(intent.spec_yaml, dict(intent.files), "cluster.yaml")


def _files(server: SimulatedServer, wanted: Assignment) -> Iterator[str]:
    for file in wanted.files:
        found = server.host.files.get(file.path)
        if found is None or found.content != file.content or found.mode != file.mode:
            yield f"{server.name}: {file.path} is not as wanted"
    for certificate in wanted.certificates:
        if certificate.path not in server.host.files or certificate.key_path not in server.host.files:
            yield f"{server.name}: {certificate.path} is missing"


def _snapshot(repositories: Repositories, cluster: Cluster) -> Snapshot:
    """As reconcile takes it, with every server reachable."""
    nodes = repositories.nodes.all()
    fleet = Fleet(nodes, repositories.claims.all(), frozenset(node.id for node in nodes))
    held = {node.id: repositories.assignments.get(node.id) for node in nodes}
    seen = {node.id: {item.identity: item for item in repositories.observations.of(node.id)} for node in nodes}
    return Snapshot(cluster, fleet, material(repositories, cluster.name), held, seen)

"""How a cluster is, from its spec, its assignments and what agents last saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.api.v1 import clusters_pb2
from fairlead_controller.api.messages import SHORT_HASH, timestamp
from fairlead_controller.api.resource_names import CLUSTERS, resource_name
from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.model.operation import Operation
from fairlead_controller.model.snapshot import ClusterPhase, Snapshot
from fairlead_controller.plan.addresses import control_plane_addresses, people_endpoint
from fairlead_controller.store.port import Revision
from fairlead_wire.assignment import Subject
from fairlead_wire.task import TaskSpec, TaskState


@dataclass(frozen=True)
class View:
    """What is shown of one cluster. `running`: the operation that is under way."""

    snapshot: Snapshot
    revision: Revision
    running: Operation | None

    def message(self) -> clusters_pb2.Cluster:
        cluster, joined = self.snapshot.cluster, members(self.snapshot)
        components = [self._component(node, task) for _, node in joined for task in self._tasks(node)]
        return clusters_pb2.Cluster(
            name=resource_name(CLUSTERS, cluster.name),
            spec_yaml=self.revision.spec_yaml,
            revision=cluster.revision,
            state=self._state(components),
            kubernetes_version=cluster.spec.spec.kubernetes,
            endpoint=endpoint(self.snapshot),
            components=components,
            nodes=[node.name for _, node in joined],
            create_time=timestamp(self.revision.first_accepted_at),
            update_time=timestamp(self.revision.accepted_at),
        )

    def _tasks(self, node: Node) -> Iterable[TaskSpec]:
        held = self.snapshot.held.get(node.id)
        return held.tasks if held else ()

    def _component(self, node: Node, task: TaskSpec) -> clusters_pb2.ComponentStatus:
        seen = self.snapshot.seen(node.id, Subject.TASK, task.component)
        fresh = seen is not None and seen.hash in ("", task.hash)
        return clusters_pb2.ComponentStatus(
            node=node.name,
            component=task.component,
            state=seen.state.word if seen and fresh else TaskState.PENDING.word,
            message=seen.message if seen and fresh else "",
            restarts=seen.restarts if seen else 0,
            image=task.image,
            hash=task.hash[:SHORT_HASH],
        )

    def _state(self, components: list[clusters_pb2.ComponentStatus]) -> clusters_pb2.ClusterState.ValueType:
        if self.snapshot.cluster.phase is ClusterPhase.DELETING:
            return clusters_pb2.CLUSTER_STATE_DELETING
        if self.running is not None:
            return clusters_pb2.CLUSTER_STATE_CHANGING
        settled = {state.word for state in TaskState if state.settled}
        nodes = {node.id for _, node in members(self.snapshot)}
        if components and all(item.state in settled for item in components) and nodes <= self.snapshot.fleet.reachable:
            return clusters_pb2.CLUSTER_STATE_READY
        return clusters_pb2.CLUSTER_STATE_DEGRADED


def members(snapshot: Snapshot) -> list[tuple[Claim, Node]]:
    """The cluster's nodes, control planes first, then by name."""
    claims = snapshot.fleet.claims_of(snapshot.cluster.name)
    pairs = [(claim, snapshot.fleet.node(claim.node_id)) for claim in claims]
    return sorted(pairs, key=lambda pair: (pair[0].role is not NodeRole.CONTROL_PLANE, pair[1].name))


def endpoint(snapshot: Snapshot) -> str:
    """https URL of the apiserver that people use; empty while there is neither a declared one nor a control plane."""
    claims = snapshot.fleet.claims_of(snapshot.cluster.name)
    return people_endpoint(snapshot.cluster.spec, control_plane_addresses(claims, snapshot.fleet))

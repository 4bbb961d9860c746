"""A cluster called `lab`, declared and accepted as the API does it."""

from __future__ import annotations

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.event import Event
from fairlead_controller.model.operation import Operation, OperationKind
from fairlead_controller.model.snapshot import ClusterPhase
from fairlead_controller.pki.cluster import ensure_authorities
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories


def lab_spec(name: str = "lab", **declared: object) -> ClusterSpec:
    """One control plane, with `declared` keys of the spec put in."""
    body = {"kubernetes": "v1.37.2", "controlPlane": {"count": 1}, **declared}
    return ClusterSpec.model_validate(
        {"apiVersion": "fairlead/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": body}
    )


def accepted(repositories: Repositories, declared: ClusterSpec, clock: Clock) -> Operation:
    """The next revision of the cluster, with its authorities, its event and its operation."""
    cluster = repositories.clusters.accept(declared, "spec", {}, clock.now())
    ensure_authorities(repositories, declared.name, clock)
    return _begun(repositories, declared.name, OperationKind.APPLY, cluster.revision, clock)


def deleted(repositories: Repositories, name: str, clock: Clock, destroy_data: bool = False) -> Operation:
    """The cluster marked as being deleted, with the event and the operation of that."""
    cluster = repositories.clusters.get(name)
    assert cluster is not None
    repositories.clusters.set_phase(name, ClusterPhase.DELETING, destroy_data)
    return _begun(repositories, name, OperationKind.DELETE, cluster.revision, clock)


def _begun(repositories: Repositories, name: str, kind: OperationKind, revision: int, clock: Clock) -> Operation:
    said = "revision-accepted" if kind is OperationKind.APPLY else "deletion-accepted"
    event = repositories.events.append(Event(said, "Accepted.", name, principal="admin"), clock.now())
    operation = Operation(f"op-{event.id}", name, kind, revision, cause_id=event.id, created_at=clock.now())
    repositories.operations.add(operation)
    return operation

"""The transactions that accept a change of a cluster: a revision or a deletion, its event and its operation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairlead_controller.api import audit
from fairlead_controller.api.planning import Plan, check_stays
from fairlead_controller.model.event import Event
from fairlead_controller.model.operation import Operation, OperationKind, OperationState
from fairlead_controller.model.snapshot import ClusterPhase
from fairlead_controller.pki.cluster import ensure_authorities
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Refused


@dataclass(frozen=True)
class Accepted:
    """`superseded`: the identifier of the operation whose place this one took, or empty."""

    operation: Operation
    changed: bool = True
    superseded: str = ""


@dataclass(frozen=True)
class Acceptance:
    """What a transaction needs besides the repositories: time, randomness, the caller's request identifier, and the
    sentence about failed checks that the caller takes responsibility for."""

    clock: Clock
    request_id: str = ""
    overruled: str = ""

    def repeated(self, repositories: Repositories) -> Accepted | None:
        """What the same request was answered before."""
        known = repositories.operations.by_request(self.request_id) if self.request_id else None
        return Accepted(known) if known else None

    def apply(self, repositories: Repositories, plan: Plan) -> Accepted:
        """Stores the next revision, or finds that there is nothing to do. Raises Refused if another came first."""
        if again := self.repeated(repositories):
            return again
        _check_base(repositories, plan)
        if plan.unchanged:
            return self._same_again(repositories, plan)
        at = self.clock.now()
        source = plan.source
        cluster = repositories.clusters.accept(source.spec, source.spec_yaml, source.files, at)
        ensure_authorities(repositories, cluster.name, self.clock)
        said = f"Revision {cluster.revision} of cluster {cluster.name} was accepted: {_counted(plan)}."
        event = audit.record(repositories, at, "revision-accepted", said, cluster.name)
        return self._begin(repositories, cluster.name, OperationKind.APPLY, cluster.revision, event)

    def delete(self, repositories: Repositories, name: str, destroy_data: bool) -> Accepted | None:
        """Marks the cluster as being deleted; None if there is no such cluster."""
        if again := self.repeated(repositories):
            return again
        cluster = repositories.clusters.get(name)
        if cluster is None:
            return None
        running = repositories.operations.running(name)
        if running and running.kind is OperationKind.DELETE and (cluster.destroy_data or not destroy_data):
            return Accepted(running)
        at = self.clock.now()
        repositories.clusters.set_phase(name, ClusterPhase.DELETING, destroy_data)
        kept = "with etcd's data" if destroy_data else "keeping etcd's data"
        event = audit.record(repositories, at, "deletion-accepted", f"Cluster {name} is to be deleted, {kept}.", name)
        return self._begin(repositories, name, OperationKind.DELETE, cluster.revision, event)

    def _same_again(self, repositories: Repositories, plan: Plan) -> Accepted:
        running = repositories.operations.running(plan.cluster)
        if running:
            return Accepted(running, changed=bool(plan.moves))
        last = next(iter(repositories.operations.all(plan.cluster, limit=1)), None)
        carried_out = last is not None and last.revision == plan.base_revision and last.kind is OperationKind.APPLY
        if last and carried_out and not plan.moves and last.state is OperationState.SUCCEEDED:
            return Accepted(last, changed=False)
        said = f"Revision {plan.base_revision} of cluster {plan.cluster} is applied again: {_counted(plan)}."
        event = audit.record(repositories, self.clock.now(), "revision-reapplied", said, plan.cluster)
        begun = self._begin(repositories, plan.cluster, OperationKind.APPLY, plan.base_revision, event)
        return replace(begun, changed=bool(plan.moves))

    def _begin(
        self, repositories: Repositories, cluster: str, kind: OperationKind, revision: int, event: Event
    ) -> Accepted:
        older = repositories.operations.running(cluster)
        if older:
            repositories.operations.put(replace(older, state=OperationState.SUPERSEDED, ended_at=event.at))
        identifier = self.clock.random_bytes(6).hex()
        operation = Operation(
            identifier,
            cluster,
            kind,
            revision,
            request_id=self.request_id,
            cause_id=event.id,
            created_at=event.at,
        )
        repositories.operations.add(operation)
        if self.overruled:
            audit.record(repositories, event.at, "checks-skipped", self.overruled, cluster)
        return Accepted(operation, superseded=older.id if older else "")


def _check_base(repositories: Repositories, plan: Plan) -> None:
    newest = repositories.clusters.get(plan.cluster)
    if newest is not None:
        check_stays(newest)
    revision = newest.revision if newest else 0
    if revision != plan.base_revision:
        raise Refused(
            f"Someone else has just changed cluster {plan.cluster}: its revision is {revision} now.",
            "Run `fairlead plan` again and look at what is left to do.",
        )


def _counted(plan: Plan) -> str:
    count = len(plan.moves)
    return f"{count} {'move' if count == 1 else 'moves'}"

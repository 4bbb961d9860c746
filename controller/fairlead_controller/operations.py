"""What becomes of an operation: pure decisions, and since when each of its steps is as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fairlead_controller.model.event import Event
from fairlead_controller.model.operation import Operation, OperationKind, OperationState, Step
from fairlead_controller.model.snapshot import Cluster, ClusterPhase


def settled(operation: Operation, cluster: Cluster, done: bool, failure: str, now: float) -> Operation:
    """The operation after a look at its cluster: the same object while it goes on."""
    if is_superseded(operation, cluster):
        return replace(operation, state=OperationState.SUPERSEDED, ended_at=now)
    if failure:
        return replace(operation, state=OperationState.FAILED, error=failure, ended_at=now)
    if done and operation.kind is OperationKind.APPLY:
        return replace(operation, state=OperationState.SUCCEEDED, ended_at=now)
    return operation


def is_superseded(operation: Operation, cluster: Cluster) -> bool:
    """Whether a newer revision, or the deletion, took its place."""
    deleting = cluster.phase is ClusterPhase.DELETING
    return operation.revision < cluster.revision or (deleting and operation.kind is OperationKind.APPLY)


def ending(operation: Operation) -> Event:
    """The event of an operation that has ended."""
    kind = f"operation-{operation.state.value}"
    return Event(kind, _sentence(operation), operation.cluster, cause_id=operation.cause_id)


def _sentence(operation: Operation) -> str:
    what = (
        f"The deletion of cluster {operation.cluster}"
        if operation.kind is OperationKind.DELETE
        else f"Revision {operation.revision} of cluster {operation.cluster}"
    )
    said = {
        OperationState.SUCCEEDED: f"{what} is carried out.",
        OperationState.FAILED: f"{what} can't go on: {operation.error}",
        OperationState.SUPERSEDED: f"{what} gave way to a newer one.",
    }
    return said[operation.state]


class Since:
    """Since when each step is in its state. In memory: after a restart, since this controller saw it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, dict[tuple[str, str], Step]] = {}

    def stamped(self, cluster: str, steps: Iterable[Step]) -> tuple[Step, ...]:
        known = self._known.get(cluster, {})
        stamped = tuple(self._stamp(known.get((step.node, step.component)), step) for step in steps)
        self._known[cluster] = {(step.node, step.component): step for step in stamped}
        return stamped

    def forget(self, cluster: str) -> None:
        self._known.pop(cluster, None)

    def _stamp(self, before: Step | None, step: Step) -> Step:
        if before is None or before.state != step.state:
            return replace(step, since=self._now())
        return before if before.message == step.message else replace(step, since=before.since)

"""What becomes of an operation, and what the event log says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairlead_controller.events import observed, sentence
from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.operation import Operation, OperationKind, OperationState, Step
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_controller.operations import Since, ending, settled
from fairlead_testing.lab_cluster import lab_spec
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

LAB = Cluster("lab", 3, lab_spec())
APPLY = Operation("op", "lab", OperationKind.APPLY, 3, cause_id=9)
DELETE = replace(APPLY, kind=OperationKind.DELETE)
DELETING = replace(LAB, phase=ClusterPhase.DELETING)


@pytest.mark.parametrize(
    ("operation", "cluster", "done", "failure", "state"),
    [
        (APPLY, LAB, False, "", OperationState.RUNNING),
        (APPLY, LAB, True, "", OperationState.SUCCEEDED),
        (APPLY, LAB, False, "etcd failed", OperationState.FAILED),
        (APPLY, replace(LAB, revision=4), True, "etcd failed", OperationState.SUPERSEDED),
        (APPLY, DELETING, True, "", OperationState.SUPERSEDED),
        (DELETE, DELETING, True, "", OperationState.RUNNING),  # done when nothing is left of the cluster
        (DELETE, DELETING, False, "it failed", OperationState.FAILED),
    ],
)
def test_what_becomes_of_an_operation(
    operation: Operation, cluster: Cluster, done: bool, failure: str, state: OperationState
) -> None:
    after = settled(operation, cluster, done, failure, 50.0)
    assert after.state is state
    assert after.ended_at == (0.0 if state is OperationState.RUNNING else 50.0)


def test_the_end_of_an_operation_is_told_with_its_cause() -> None:
    event = ending(replace(APPLY, state=OperationState.FAILED, error="etcd on node-1 failed: no space"))
    assert (event.kind, event.cause_id) == ("operation-failed", 9)
    assert event.message == "Revision 3 of cluster lab can't go on: etcd on node-1 failed: no space"


def test_a_step_keeps_its_time_until_its_state_changes() -> None:
    times = iter([10.0, 20.0, 30.0])
    since = Since(lambda: next(times))
    starting = Step("node-1", "etcd", "starting")
    assert [step.since for step in since.stamped("lab", [starting])] == [10.0]
    assert [step.since for step in since.stamped("lab", [replace(starting, message="probing")])] == [10.0]
    assert [step.since for step in since.stamped("lab", [replace(starting, state="healthy")])] == [20.0]
    since.forget("lab")
    assert [step.since for step in since.stamped("lab", [replace(starting, state="healthy")])] == [30.0]


def test_a_move_is_told_in_one_sentence() -> None:
    assert sentence(Move(MoveAction.PLACE, "n1", "node-1", "etcd")) == "Place etcd on node-1."
    assert sentence(Move(MoveAction.CLAIM, "n1", "node-1")) == "Claim node-1."
    configure = Move(MoveAction.CONFIGURE, "n1", "node-1", details=("- remove a", "- remove b"))
    assert sentence(configure) == "Configure node-1 (- remove a; - remove b)."


STARTING = Observation(Subject.TASK, "etcd", "h", TaskState.STARTING)
HEALTHY = replace(STARTING, state=TaskState.HEALTHY)


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (None, STARTING, None),
        (STARTING, HEALTHY, "task-healthy"),
        (HEALTHY, replace(HEALTHY, restarts=1), None),
        (HEALTHY, replace(HEALTHY, hash="other"), "task-healthy"),
        (HEALTHY, replace(HEALTHY, state=TaskState.UNHEALTHY), "task-unhealthy"),
        (None, Observation(Subject.FILE, "/etc/a", "h", TaskState.HEALTHY), None),
        (None, Observation(Subject.FILE, "/etc/a", "h", TaskState.FAILED, "read-only"), "file-failed"),
        (None, Observation(Subject.ORPHAN, "old", "h", TaskState.HEALTHY), "orphan-seen"),
        (None, Observation(Subject.REMOVAL, "etcd", "h", TaskState.REMOVED), "removal-done"),
    ],
)
def test_the_log_has_what_people_look_for_afterwards(
    before: Observation | None, now: Observation, kind: str | None
) -> None:
    event = observed("node-1", "lab", before, now, 4)
    assert (event.kind if event else None) == kind

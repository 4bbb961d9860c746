"""One round of reconcile over the real planner and a store in memory, interrupted and outrun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fairlead_controller.model.node import Claim, Fleet, Node, NodeRole
from fairlead_controller.model.operation import OperationState
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.pki.cluster import material
from fairlead_controller.ports import Clock
from fairlead_controller.rounds import OutdatedError, Written, think, write
from fairlead_controller.store.port import Repositories
from fairlead_testing.fake_agent import everything_well
from fairlead_testing.lab_cluster import accepted, deleted, lab_spec
from fairlead_testing.stores import MemoryStore, counted_bytes
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskState

CLOCK = Clock(lambda: 1000.0, counted_bytes())
Seen = Mapping[tuple[Subject, str], Observation]


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    facts = Facts("node-1", address="192.0.2.1", docker_api="1.45")
    made.now(lambda repositories: repositories.nodes.put(Node("n1", "node-1", facts, wanted_cluster="lab")))
    made.now(lambda repositories: accepted(repositories, lab_spec(), CLOCK))
    return made


def snapshot(store: MemoryStore, seen: Seen | None = None, name: str = "lab") -> Snapshot:
    def work(repositories: Repositories) -> Snapshot:
        cluster = repositories.clusters.get(name)
        assert cluster is not None
        fleet = Fleet(repositories.nodes.all(), repositories.claims.all(), frozenset({"n1"}))
        held = {node.id: repositories.assignments.get(node.id) for node in fleet.nodes}
        return Snapshot(cluster, fleet, material(repositories, name), held, {"n1": seen or {}})

    return store.now(work)


def well(store: MemoryStore) -> Seen:
    assignment = store.now(lambda repositories: repositories.assignments.get("n1"))
    return {item.identity: item for item in everything_well(assignment)}


def stored(store: MemoryStore, seen: Seen) -> None:
    store.now(lambda repositories: repositories.observations.put("n1", tuple(seen.values())))


def carried_out(store: MemoryStore, seen: Seen | None = None) -> Written:
    round = think(snapshot(store, seen))
    return store.now(lambda repositories: write(repositories, round, 0, 1000.0))


def kinds(store: MemoryStore) -> list[str]:
    return [event.kind for event in store.now(lambda repositories: repositories.events.page(limit=1000))]


def test_the_first_round_claims_places_and_tells_why(store: MemoryStore) -> None:
    written = carried_out(store)
    assert written.touched == {"n1"}
    assert {item.move.component for item in written.begun} >= {"", "etcd", "kubelet"}
    [claim] = store.now(lambda repositories: repositories.claims.all())
    assert (claim.node_id, claim.role) == ("n1", NodeRole.CONTROL_PLANE)
    events = store.now(lambda repositories: repositories.events.page(limit=1000))
    accepted_id = next(event.id for event in events if event.kind == "revision-accepted")
    assert {event.cause_id for event in events if event.kind == "move-begun"} == {accepted_id}


def test_a_round_that_changes_nothing_leaves_no_trace(store: MemoryStore) -> None:
    carried_out(store)
    before = kinds(store)
    again = carried_out(store)
    assert (again.touched, again.begun) == (frozenset(), ())
    assert kinds(store) == before


def test_an_operation_succeeds_when_all_is_well_and_only_then(store: MemoryStore) -> None:
    carried_out(store)
    seen = well(store)
    for identity in seen:
        without = {key: item for key, item in seen.items() if key != identity}
        written = carried_out(store, without)
        assert written.operation is not None
        assert written.operation.state is OperationState.RUNNING, f"{identity} was not seen"
    written = carried_out(store, seen)
    assert written.operation is not None
    assert written.operation.state is OperationState.SUCCEEDED


@pytest.mark.parametrize("change", ["revision", "phase", "claim", "assignment"])
def test_what_was_stored_meanwhile_makes_a_round_outdated_and_undone(store: MemoryStore, change: str) -> None:
    round = think(snapshot(store))

    def meanwhile(repositories: Repositories) -> None:
        if change == "revision":
            accepted(repositories, lab_spec(dns={"forward": ["192.0.2.53"]}), CLOCK)
        elif change == "phase":
            deleted(repositories, "lab", CLOCK)
        elif change == "claim":
            accepted(repositories, lab_spec("other"), CLOCK)
            repositories.claims.add(Claim("n1", "other", NodeRole.WORKER, 0))
        else:
            repositories.assignments.put("n1", replace(round.changes.assignments["n1"], revision=9, tasks=()))

    store.now(meanwhile)
    before = kinds(store)
    with pytest.raises(OutdatedError):
        store.now(lambda repositories: write(repositories, round, 0, 1000.0))
    assert kinds(store) == before
    assert not [claim for claim in store.now(lambda it: it.claims.all()) if claim.cluster == "lab"]


def test_a_nodes_revisions_go_on_from_what_it_once_held(store: MemoryStore) -> None:
    carried_out(store)
    first = store.now(lambda repositories: repositories.assignments.get("n1"))
    store.now(lambda repositories: repositories.claims.remove("n1"))
    store.now(lambda repositories: repositories.clusters.remove("lab"))
    store.now(lambda repositories: accepted(repositories, lab_spec("new"), CLOCK))
    store.now(lambda it: it.nodes.put(replace(_node(it), wanted_cluster="new")))
    round = think(snapshot(store, name="new"))
    store.now(lambda repositories: write(repositories, round, 0, 1000.0))
    second = store.now(lambda repositories: repositories.assignments.get("n1"))
    assert (second.cluster, second.revision) == ("new", first.revision + 1)


def _node(repositories: Repositories) -> Node:
    node = repositories.nodes.get("n1")
    assert node is not None
    return node


def test_a_failure_ends_the_operation_with_what_to_do(store: MemoryStore) -> None:
    carried_out(store)
    seen = dict(well(store))
    etcd = seen[Subject.TASK, "etcd"]
    seen[Subject.TASK, "etcd"] = replace(etcd, state=TaskState.FAILED, message="no space left; free some")
    written = carried_out(store, seen)
    assert written.operation is not None
    assert written.operation.state is OperationState.FAILED
    assert "etcd on node-1 failed: no space left; free some" in written.operation.error
    assert kinds(store)[-1] == "operation-failed"


def test_applying_the_same_again_gives_what_failed_one_more_chance(store: MemoryStore) -> None:
    """Without it nobody could get past a failure that was no fault of the spec: it is seen as failed for ever."""
    carried_out(store)
    seen = dict(well(store))
    etcd = Subject.TASK, "etcd"
    failed = seen | {etcd: replace(seen[etcd], state=TaskState.FAILED, message="no space left; free some")}
    carried_out(store, failed)
    held = store.now(lambda repositories: repositories.assignments.get("n1"))

    store.now(lambda repositories: accepted(repositories, lab_spec(), CLOCK))
    written = carried_out(store, failed)
    again = store.now(lambda repositories: repositories.assignments.get("n1"))
    assert again == replace(held, revision=held.revision + 1), "at a new revision agents try again"
    assert written.forgotten == {"n1": {etcd}}
    assert written.operation is not None
    assert written.operation.state is OperationState.RUNNING

    written = carried_out(store, failed)
    assert written.operation is not None
    assert written.operation.state is OperationState.FAILED, "one more chance, not endless ones"
    assert store.now(lambda repositories: repositories.assignments.get("n1")) == again


def test_what_was_seen_of_a_removal_counts_no_more_once_nothing_asks_for_it(store: MemoryStore) -> None:
    carried_out(store)
    store.now(lambda repositories: deleted(repositories, "lab", CLOCK))
    carried_out(store, well(store))
    named: set[str] = set()
    seen = dict(well(store))
    for _ in range(100):  # one removal a round, each observed before the next
        named |= {removal.name for removal in store.now(lambda it: it.assignments.get("n1")).removals}
        stored(store, seen)
        if (written := carried_out(store, seen)).forgotten:
            break
        seen |= well(store)
        seen = {key: item for key, item in seen.items() if key != (Subject.TASK, key[1]) or key[1] not in named}
    assert written.forgotten == {"n1": {(Subject.REMOVAL, name) for name in named}}, "the node is let go"
    kept = {item.identity for item in store.now(lambda repositories: repositories.observations.of("n1"))}
    assert not kept & written.forgotten["n1"]


def test_a_deletion_ends_with_nothing_of_the_cluster_left(store: MemoryStore) -> None:
    carried_out(store)
    store.now(lambda repositories: deleted(repositories, "lab", CLOCK))
    seen: dict[tuple[Subject, str], Observation] = dict(well(store))
    for _ in range(100):  # one removal a round, each observed before the next
        written = carried_out(store, seen)
        if written.gone:
            break
        assignment = store.now(lambda repositories: repositories.assignments.get("n1"))
        gone = {removal.name for removal in assignment.removals}
        seen = {key: item for key, item in seen.items() if key != (Subject.TASK, key[1]) or key[1] not in gone}
        seen |= well(store)
    assert written.gone
    assert written.released == {"n1"}
    assert written.operation is not None
    assert written.operation.state is OperationState.SUCCEEDED
    assert store.now(lambda it: (it.clusters.all(), it.claims.all(), it.authorities.get("lab", "cluster"))) == (
        (), (), None,
    )  # fmt: skip

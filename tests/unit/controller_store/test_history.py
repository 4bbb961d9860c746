from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.model.event import Event
from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.operation import Operation, OperationKind, OperationState
from fairlead_controller.store.assignments import decoded, encoded
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.assignment import (
    Assignment,
    CertificateSpec,
    FileSpec,
    ObjectSpec,
    Observation,
    Removal,
    RemovalKind,
    Subject,
)
from fairlead_wire.task import Footprint, Input, Mount, OnChange, Probe, ProbeKind, TaskSpec, TaskState, Variable

ASSIGNMENT = Assignment(
    "lab",
    "lab-1",
    7,
    (
        TaskSpec(
            "etcd",
            "registry.k8s.io/etcd:3.7.3",
            args=("--name=lab-1",),
            env=(Variable("A", "b"),),
            mounts=(Mount("/var/lib/etcd", "/var/lib/etcd"),),
            inputs=(Input("/etc/x", OnChange.SIGNAL, signal="SIGHUP"),),
            probe=Probe(ProbeKind.HTTPS, "127.0.0.1", 2379),
            footprint=Footprint(data_directories=("/var/lib/etcd",)),
        ),
    ),
    (FileSpec.of("/etc/kubernetes/sa.key", b"\x00secret\xff", secret=True),),
    (CertificateSpec("/etc/kubernetes/a.crt", "etcd", "lab-1", dns_names=("lab-1",), server=True),),
    (ObjectSpec.of("role", "/apis/x", '{"a":1}'),),
    (Removal(RemovalKind.TASK, "old", "hash", "replaced", True, Footprint(files=("/etc/old",)), "/p"),),
)
OPERATION = Operation("o1", "lab", OperationKind.APPLY, 1, request_id="r1", cause_id=3, created_at=10.0)
MOVE = Move(MoveAction.PLACE, "n1", "lab-1", "etcd", "", "hash", True, "waits", ("a", "b"))


async def test_a_node_without_assignment_holds_nothing(store: Store) -> None:
    assert await store.read(lambda r: r.assignments.get("n1")) == Assignment()


async def test_the_newest_assignment_comes_back_whole(store: Store) -> None:
    await store.write(lambda r: r.assignments.put("n1", ASSIGNMENT))
    assert await store.read(lambda r: r.assignments.get("n1")) == ASSIGNMENT
    newer = replace(ASSIGNMENT, revision=8, files=())
    await store.write(lambda r: r.assignments.put("n1", newer))
    assert await store.read(lambda r: r.assignments.get("n1")) == newer


async def test_an_undone_assignment_is_not_remembered(store: Store) -> None:
    await store.write(lambda r: r.assignments.put("n1", ASSIGNMENT))

    def put_and_fail(r: Repositories) -> None:
        r.assignments.put("n1", replace(ASSIGNMENT, revision=8))
        assert r.assignments.get("n1").revision == 8
        raise ValueError

    with suppress(ValueError):
        await store.write(put_and_fail)
    assert await store.read(lambda r: r.assignments.get("n1")) == ASSIGNMENT


@given(st.binary(max_size=50), st.text(max_size=20), st.integers(0, 2**40))
def test_any_assignment_is_read_as_it_was_written(content: bytes, name: str, revision: int) -> None:
    varied = replace(ASSIGNMENT, node=name, revision=revision, files=(FileSpec.of(f"/{name}", content),))
    assert decoded(encoded(varied)) == varied


async def test_one_observation_a_subject_the_last_one_wins(store: Store) -> None:
    first = Observation(Subject.TASK, "etcd", "h", TaskState.STARTING, "starts", 1, 1, 1_795_000_000_000)
    second = replace(first, state=TaskState.HEALTHY, sequence=2)
    file = Observation(Subject.FILE, "/etc/x", sequence=3)
    await store.note(lambda r: r.observations.put("n1", [first, second, file]))
    await store.note(lambda r: r.observations.put("n2", [first]))
    await store.note(lambda r: r.observations.put("n2", []))
    assert await store.read(lambda r: r.observations.of("n1")) == (second, file)
    restarted = replace(first, sequence=1, restarts=2)
    await store.note(lambda r: r.observations.put("n1", [restarted]))
    assert await store.read(lambda r: r.observations.of("n1")) == (restarted, file)
    await store.note(lambda r: r.observations.clear("n1"))
    assert await store.read(lambda r: (r.observations.of("n1"), r.observations.of("n2"))) == ((), (first,))


def add_operation(repositories: Repositories, operation: Operation) -> None:
    repositories.operations.add(operation)


async def test_operations_are_followed_by_id_request_and_cluster(store: Store) -> None:
    later = replace(OPERATION, id="o2", request_id="", created_at=20.0)
    other = replace(OPERATION, id="o3", cluster="b", request_id="", created_at=30.0)
    for each in (OPERATION, later, other):
        await store.write(partial(add_operation, operation=each))
    assert await store.read(lambda r: r.operations.by_request("r1")) == OPERATION
    assert await store.read(lambda r: r.operations.by_request("")) is None
    assert await store.read(lambda r: r.operations.running("lab")) == later
    done = replace(later, state=OperationState.SUCCEEDED, ended_at=25.0)
    await store.write(lambda r: r.operations.put(done))
    assert await store.read(lambda r: r.operations.get("o2")) == done
    assert await store.read(lambda r: r.operations.running("lab")) == OPERATION
    assert await store.read(lambda r: r.operations.all()) == (other, done, OPERATION)
    assert await store.read(lambda r: r.operations.all("lab", limit=1)) == (done,)
    assert await store.read(lambda r: r.operations.all("lab", before=20.0)) == (OPERATION,)


async def test_moves_come_back_in_order(store: Store) -> None:
    second = replace(MOVE, component="kubelet", waits_for="", details=())
    await store.write(lambda r: r.moves.record("lab", "o1", [MOVE, second], 10.0))
    await store.write(lambda r: r.moves.record("lab", "o2", [second], 11.0))
    assert await store.read(lambda r: r.moves.of("o1")) == (MOVE, second)
    assert await store.read(lambda r: r.moves.of("o3")) == ()


async def test_the_event_log_is_paged_backwards_and_followed_forwards(store: Store) -> None:
    def log(r: Repositories) -> list[Event]:
        return [r.events.append(Event("k", f"m{n}", "lab" if n % 2 else "b", f"n{n}"), float(n)) for n in range(6)]

    assert await store.read(lambda r: r.events.newest_id()) == 0
    written = await store.write(log)
    ids = [event.id for event in written]
    assert ids == sorted(set(ids))
    assert await store.read(lambda r: r.events.newest_id()) == ids[-1]
    assert await store.read(lambda r: r.events.page(limit=2)) == tuple(written[-2:])
    assert await store.read(lambda r: r.events.page(limit=2, before_id=ids[4])) == tuple(written[2:4])
    assert await store.read(lambda r: r.events.page("lab")) == (written[1], written[3], written[5])
    assert await store.read(lambda r: r.events.page("lab", "n3")) == (written[3],)
    assert await store.read(lambda r: r.events.after(ids[3])) == tuple(written[4:])
    assert await store.read(lambda r: r.events.after(ids[0], "b", limit=1)) == (written[2],)


async def test_old_events_go_and_their_numbers_are_not_used_again(store: Store) -> None:
    last = await store.write(lambda r: [r.events.append(Event("k", "m"), float(n)) for n in range(3)][-1])
    assert await store.write(lambda r: r.events.prune(2.5)) == 3
    assert (await store.write(lambda r: r.events.append(Event("k", "m"), 9.0))).id == last.id + 1

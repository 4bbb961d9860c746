"""The book of observations: newest wins, batches, nothing lost when the database is away for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fairlead_controller.dispatch import observations as room
from fairlead_controller.dispatch.observations import ObservationBook
from fairlead_controller.events import Causes
from fairlead_controller.feed import Feed
from fairlead_controller.forgetting import forget
from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.ports import Clock
from fairlead_testing.lab_cluster import accepted, lab_spec
from fairlead_testing.stores import MemoryStore, counted_bytes
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskState

CLOCK = Clock(lambda: 1000.0, counted_bytes())


class BrittleStore(MemoryStore):
    """Fails as often as it is told to."""

    failures = 0
    notes = 0

    async def note(self, work: Callable[[Any], Any]) -> Any:
        self.notes += 1
        if self.failures:
            self.failures -= 1
            raise OSError("no space left on device")
        return await super().note(work)


@pytest.fixture
def store() -> BrittleStore:
    made = BrittleStore()
    made.now(lambda repositories: repositories.nodes.put(Node("n1", "node-1", Facts("node-1"))))
    made.now(lambda repositories: accepted(repositories, lab_spec(), CLOCK))
    made.now(lambda repositories: repositories.claims.add(Claim("n1", "lab", NodeRole.WORKER, 0)))
    return made


def book_on(store: MemoryStore, causes: Causes | None = None) -> ObservationBook:
    return ObservationBook(store, Feed(), CLOCK, causes or Causes(), batch_seconds=0.0)


def etcd(state: TaskState, sequence: int, message: str = "") -> Observation:
    return Observation(Subject.TASK, "etcd", "h", state, message, sequence=sequence)


async def test_many_reports_are_one_write_and_one_wake(store: BrittleStore) -> None:
    woken: list[str] = []
    book = book_on(store)
    book.wake = woken.append
    book.begin("n1", 1)
    for sequence, state in enumerate((TaskState.PENDING, TaskState.STARTING, TaskState.HEALTHY), 1):
        book.take("n1", 1, [etcd(state, sequence)])
    await book.flush()
    assert (store.notes, woken) == (1, ["lab"])
    [stored] = store.now(lambda repositories: repositories.observations.of("n1"))
    assert stored.state is TaskState.HEALTHY
    await book.close()


async def test_the_same_news_again_is_not_written(store: BrittleStore) -> None:
    book = book_on(store)
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 1)])
    await book.flush()
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 2)])
    await book.close()
    assert store.notes == 1


async def test_what_could_not_be_written_is_written_later(store: BrittleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RETRY_SECONDS", 0.0)
    book, woken = book_on(store), asyncio.Event()
    book.wake = lambda cluster: woken.set()
    store.failures = 2
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 1)])
    async with asyncio.timeout(5):
        await woken.wait()
    [stored] = store.now(lambda repositories: repositories.observations.of("n1"))
    assert stored.state is TaskState.HEALTHY
    await book.close()


async def test_a_session_that_was_replaced_is_not_heard_any_more(store: BrittleStore) -> None:
    book = book_on(store)
    book.begin("n1", 2)
    book.take("n1", 1, [etcd(TaskState.FAILED, 99)])
    assert book.of("n1") == {}
    book.take("n1", 2, [etcd(TaskState.HEALTHY, 1)])
    await book.flush()
    assert book.of("n1")[Subject.TASK, "etcd"].state is TaskState.HEALTHY
    await book.close()


async def test_a_restarted_controller_knows_what_was_seen(store: BrittleStore) -> None:
    book = book_on(store)
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 7)])
    await book.close()
    again = book_on(store)
    await again.load()
    assert again.of("n1")[Subject.TASK, "etcd"].state is TaskState.HEALTHY
    again.begin("n1", 2)
    again.take("n1", 2, [etcd(TaskState.UNHEALTHY, 1)])
    await again.flush()
    assert again.of("n1")[Subject.TASK, "etcd"].state is TaskState.UNHEALTHY
    await again.close()


async def test_what_was_taken_out_does_not_change_under_its_reader(store: BrittleStore) -> None:
    book = book_on(store)
    book.take("n1", 1, [etcd(TaskState.STARTING, 1)])
    assert book.of("n1") == {}, "nobody decides on what the log does not have yet"
    await book.flush()
    before = book.of("n1")
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 2)])
    await book.flush()
    assert before[Subject.TASK, "etcd"].state is TaskState.STARTING
    await book.close()


async def test_events_name_what_began_them(store: BrittleStore) -> None:
    causes, accepted_id = Causes(), store.now(lambda repositories: repositories.events.newest_id())
    causes.began("n1", "etcd", 41)
    book = book_on(store, causes)
    book.take("n1", 1, [etcd(TaskState.PREPARING, 1), etcd(TaskState.FAILED, 2, "no space")])
    book.tell("n1", "container-died", "kubelet", "It ended with 1.")
    book.tell("n1", "Not A Kind!", "", "odd")
    await book.close()
    events = store.now(lambda repositories: repositories.events.after(accepted_id))
    assert [(event.kind, event.cause_id, event.message) for event in events] == [
        ("task-failed", 41, "etcd is failed: no space"),
        ("container-died", 41, "It ended with 1."),
        ("node-told", 41, "odd"),
    ]
    assert {event.cluster for event in events} == {"lab"}


async def test_a_node_that_left_is_forgotten(store: BrittleStore) -> None:
    book = book_on(store)
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 1)])
    await book.flush()
    store.now(lambda repositories: repositories.observations.clear("n1"))
    book.take("n1", 1, [etcd(TaskState.UNHEALTHY, 2)])
    book.forget("n1")
    await book.close()
    assert book.of("n1") == {}
    assert store.now(lambda repositories: repositories.observations.of("n1")) == ()


@pytest.mark.parametrize("written", [True, False])
async def test_what_became_well_since_somebody_looked_is_not_forgotten_with_the_failure(
    store: BrittleStore, written: bool
) -> None:
    """Its agent tells it once: forgotten, an operation would wait for it for ever."""
    book, identity = book_on(store), etcd(TaskState.FAILED, 1).identity
    book.take("n1", 1, [etcd(TaskState.FAILED, 1)])
    await book.flush()
    book.take("n1", 1, [etcd(TaskState.HEALTHY, 2)])
    if written:
        await book.flush()
    store.now(lambda repositories: forget(repositories, {"n1": frozenset({identity})}))
    book.forget_subjects("n1", frozenset({identity}))
    await book.flush()
    assert book.of("n1")[identity].state is TaskState.HEALTHY
    [stored] = store.now(lambda repositories: repositories.observations.of("n1"))
    assert stored.state is TaskState.HEALTHY


async def test_a_failure_that_gets_another_chance_is_forgotten(store: BrittleStore) -> None:
    book, identity = book_on(store), etcd(TaskState.FAILED, 1).identity
    book.take("n1", 1, [etcd(TaskState.FAILED, 1)])
    await book.flush()
    store.now(lambda repositories: forget(repositories, {"n1": frozenset({identity})}))
    book.forget_subjects("n1", frozenset({identity}))
    assert identity not in book.of("n1")
    assert not store.now(lambda repositories: repositories.observations.of("n1"))

"""The table: where a task stands → what is done about it. One row, one sentence of the design."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from fairlead_agent.instructions import (
    Discard,
    EnsureImage,
    GiveUp,
    Instruction,
    Launch,
    ListContainers,
    Restore,
    Retire,
    Start,
)
from fairlead_agent.machine import decide, issued
from fairlead_agent.machine_checks import validate_instructions, validate_view
from fairlead_agent.machine_events import assigned
from fairlead_agent.machine_health import new_health
from fairlead_agent.machine_results import delay, settle
from fairlead_agent.machine_timers import seconds_to_wait
from fairlead_agent.outcomes import Done, Failed, FailureKind
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import Failure, Fallback, Moment, View
from fairlead_testing.tasks import CLUSTER, assignment, service

NOW = Moment(1_000.0, 1_800_000_000.0)
NEW = service("etcd", "etcd:2", port=2379)
OLD = service("etcd", "etcd:1", port=2379)
OLDER = service("etcd", "etcd:0", port=2379)
RUNNING, EXITED, CREATED = ContainerStatus.RUNNING, ContainerStatus.EXITED, ContainerStatus.CREATED


def container(task: object, status: ContainerStatus = RUNNING, previous: bool = False) -> Container:
    spec = task if task is not None else NEW
    name = "fairlead-etcd-previous" if previous else "fairlead-etcd"
    return Container(f"id-{spec.image}", name, CLUSTER, "etcd", spec.hash, spec.image, status)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Row:
    """One row of the table; `then` is None when nothing is to be done about the task. Seconds ago: `age`: when the
    containers were first seen; `told`: when the assignment came."""

    says: str
    containers: tuple[Container, ...]
    then: type[Instruction] | None
    about: str = ""
    online: bool = True
    images: frozenset[str] = frozenset({"etcd:0", "etcd:1", "etcd:2"})
    failed: bool = False
    healthy: tuple[str, ...] = ()
    age: float = 0.0
    told: float = 60.0
    more: dict[str, object] = field(default_factory=dict)


ROWS = (
    Row("what is missing is made", (), Launch),
    Row("also with the controller away", (), Launch, online=False),
    Row("but not without its image", (), None, images=frozenset()),
    Row("what runs is left alone", (container(NEW),), None),
    Row("what was made and not started is started", (container(NEW, CREATED),), Start),
    Row("what Docker gave up is started", (container(NEW, EXITED),), Start),
    Row("what Docker restarts is left to it", (container(NEW, ContainerStatus.RESTARTING),), None),
    Row("what is dead is removed", (container(NEW, ContainerStatus.DEAD),), Discard),
    Row("an old one is set aside once the new one can start", (container(OLD),), Retire, "etcd:1"),
    Row("but not with the controller away", (container(OLD),), None, online=False),
    Row("nor before the image is there", (container(OLD),), None, images=frozenset()),
    Row("nor if this change has failed", (container(OLD),), None, failed=True),
    Row("an old one that is down is brought back meanwhile", (container(OLD, EXITED),), Restore, online=False),
    Row("and after the change has failed", (container(OLD, EXITED),), Restore, "etcd:1", failed=True),
    Row("beside the old one the new one is made", (container(OLD, EXITED, True),), Launch),
    Row("also with the controller away: it has begun", (container(OLD, EXITED, True),), Launch, online=False),
    Row("the old one comes back if the change failed", (container(OLD, EXITED, True),), Restore, "etcd:1", failed=True),
    Row("the wanted one is never made again", (container(NEW, EXITED, True),), Restore, "etcd:2"),
    Row(
        "a healthy new one sends the old one away",
        (container(NEW), container(OLD, EXITED, True)),
        Discard,
        "etcd:1",
        healthy=("etcd:2",),
    ),
    Row("one that starts is waited for", (container(NEW), container(OLD, EXITED, True)), None, age=9.9),
    Row("but not longer than its start timeout", (container(NEW), container(OLD, EXITED, True)), GiveUp, age=10.0),
    Row("which begins anew with a revision", (container(NEW), container(OLD, EXITED, True)), None, age=10.0, told=9.0),
    Row(
        "a failed new one is removed",
        (container(NEW), container(OLD, EXITED, True)),
        Discard,
        "etcd:2",
        failed=True,
    ),
    Row("one between two changes is removed", (container(OLD), container(OLDER, EXITED, True)), Discard, "etcd:1"),
    Row(
        "unless it was confirmed: then the oldest is",
        (container(OLD), container(OLDER, EXITED, True)),
        Discard,
        "etcd:0",
        healthy=("etcd:1",),
    ),
    Row("another cluster's is not touched", (replace(container(OLD), cluster="other"),), None),
)


def view_of(row: Row) -> View:
    born = Moment(NOW.steady - row.age, NOW.wall)
    told = Moment(NOW.steady - row.told, NOW.wall)
    view = assigned(View(engine=True, listed=True, online=row.online), assignment(NEW), {}, told)
    health = {
        item.id: replace(new_health(born), due=2_000.0, healthy=item.image in row.healthy) for item in row.containers
    }
    memory = view.memory
    if row.failed:
        memory = replace(memory, failed={"etcd": Failure(NEW.hash, 1, "it crashed")})
    return replace(
        view,
        memory=memory,
        images=row.images,
        containers={item.name: item for item in row.containers},
        health=health,
        listing_due=2_000.0,
        **row.more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_table(row: Row) -> None:
    view = view_of(row)
    validate_view(view)
    instructions = decide(view, NOW)
    validate_instructions(view, instructions)
    about_task = [item for item in instructions if item.lane == "task/etcd"]
    assert [type(item) for item in about_task] == ([row.then] if row.then else [])
    if row.about:
        assert getattr(about_task[0], "container_id", "") == f"id-{row.about}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_nothing_is_asked_for_twice(row: Row) -> None:
    view = view_of(row)
    instructions = decide(view, NOW)
    assert decide(issued(view, instructions, NOW), NOW) == ()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_with_docker_away_nothing_is_asked_of_it_but_whether_it_is_back(row: Row) -> None:
    view = replace(view_of(row), engine=False, listing_due=0.0)
    assert [type(item) for item in decide(view, NOW) if not item.lane.startswith("probe/")] == [ListContainers]


def test_a_missing_image_is_fetched_while_the_old_container_runs() -> None:
    view = view_of(Row("", (container(OLD),), None, images=frozenset()))
    assert EnsureImage("etcd:2") in decide(view, NOW)


def test_a_listing_that_began_before_a_launch_ended_tells_nothing_of_it() -> None:
    view = view_of(Row("", (), Launch))
    listing = ListContainers(view.settled)
    (launch,) = [item for item in decide(view, NOW) if isinstance(item, Launch)]
    view = issued(view, (listing, launch), NOW)
    view = settle(view, Done(launch, "id-new"), NOW, 0.5)
    view = settle(view, Done(listing, ()), NOW, 0.5)
    assert "fairlead-etcd" in view.containers
    view = settle(view, Done(ListContainers(view.settled), ()), NOW, 0.5)
    assert "fairlead-etcd" not in view.containers


def test_after_a_failure_the_component_is_listed_before_it_is_touched_again() -> None:
    view = view_of(Row("", (), Launch))
    (launch,) = [item for item in decide(view, NOW) if isinstance(item, Launch)]
    view = settle(issued(view, (launch,), NOW), Failed(launch, "the port is taken"), NOW, 0.0)
    later = Moment(NOW.steady + 60, NOW.wall)
    assert [type(item) for item in decide(view, later)] == [ListContainers]


def test_docker_away_is_not_the_fault_of_what_was_asked() -> None:
    view = view_of(Row("", (), Launch))
    (launch,) = [item for item in decide(view, NOW) if isinstance(item, Launch)]
    away = Failed(launch, "Docker does not answer", FailureKind.ENGINE_AWAY)
    view = settle(issued(view, (launch,), NOW), away, NOW, 0.5)
    assert not view.engine
    assert not view.attempts


def test_an_undone_change_is_tried_again_only_under_another_revision() -> None:
    view = view_of(Row("", (container(OLD),), None, failed=True))
    again = assigned(view, assignment(NEW, revision=2), {}, NOW)
    assert any(isinstance(item, Retire) for item in decide(again, NOW))


def test_what_is_gone_back_to_is_what_stands_not_what_was_assigned_last() -> None:
    view = assigned(View(engine=True, listed=True, online=True), assignment(OLDER), {}, NOW)
    view = replace(view, containers={"fairlead-etcd": container(OLDER)})
    view = assigned(view, assignment(OLD, revision=2), {}, NOW)
    view = assigned(view, assignment(NEW, revision=3), {}, NOW)
    assert view.memory.fallbacks == {"etcd": Fallback(OLDER, OLDER.hash)}


def test_back_off_grows_to_half_a_minute_and_is_never_zero() -> None:
    assert [delay(failures, 1.0) for failures in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 30.0]
    assert delay(1, 0.0) > 0


def test_the_loop_sleeps_until_the_next_thing_that_is_due() -> None:
    view = view_of(Row("", (container(NEW),), None))
    view = replace(view, inspection_due=1_400.0)
    health = {key: replace(item, due=1_003.0, confirmed=True) for key, item in view.health.items()}
    assert seconds_to_wait(replace(view, health=health), Moment(1_001.0, 0.0)) == 2.0

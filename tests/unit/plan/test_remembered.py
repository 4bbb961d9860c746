"""What is remembered saves work and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fairlead_controller.plan import desired as planned
from fairlead_controller.plan import gaps, placement, progress, waits
from fairlead_controller.plan.remembered import MOST_GROUPS, Remembered
from fairlead_controller.rounds import think
from fairlead_testing.planning import World, cluster, node
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState


def test_only_what_changed_is_made_again() -> None:
    made: list[str] = []

    def make(name: str, size: int) -> str:
        made.append(name)
        return f"{name} of {size}"

    memo = Remembered(make)
    assert memo.each("g", [("a", ("a", 1)), ("b", ("b", 1))]) == {"a": "a of 1", "b": "b of 1"}
    assert memo.each("g", [("b", ("b", 2)), ("a", ("a", 1))]) == {"b": "b of 2", "a": "a of 1"}
    assert made == ["a", "b", "b"]
    memo.each("g", [("b", ("b", 2))])
    memo.each("g", [("a", ("a", 1))])
    assert made == ["a", "b", "b", "a"], "what was not asked for is let go"


def test_the_oldest_groups_are_let_go() -> None:
    made: list[int] = []
    memo = Remembered(made.append)
    for number in range(MOST_GROUPS + 1):
        memo.one(f"group {number}", number)
    memo.one("group 1", 1)
    memo.one("group 0", 0)
    assert made == [*range(MOST_GROUPS + 1), 0]


@pytest.fixture
def three() -> World:
    world = World(tuple(node(number) for number in (1, 2, 3)), cluster(workers={"match": {}}))
    world.run()
    return world


def _forget() -> None:
    for memo in (gaps._STAYING, gaps._LEAVING, waits._ILL, progress._OF_NODE, placement._PLACEMENT, planned._DESIRED):
        memo._groups.clear()
    gaps.gaps.cache_clear()


@pytest.mark.parametrize("state", [TaskState.UNHEALTHY, TaskState.FAILED, TaskState.HEALTHY])
def test_a_round_says_the_same_with_nothing_remembered(three: World, state: TaskState) -> None:
    """After each kind of change: of the spec, of the nodes, of what was seen, of who has a session."""
    told = three.held["id-lab-2"].task("kubelet")
    assert told is not None
    changes: tuple[Callable[[], object], ...] = (
        lambda: three.see("id-lab-2", Observation(Subject.TASK, "kubelet", told.hash, state, "says so", observed_ms=7)),
        lambda: three.apply(components={"kubelet": {"config": {"maxPods": 50}}}, workers={"match": {}}),
        lambda: three.away.add("lab-3"),
        lambda: setattr(three, "nodes", (*three.nodes[:2], replace(three.nodes[2], revoked=True), node(4))),
        lambda: three.apply(workers=None),
        lambda: three.delete(),
    )
    for change in changes:
        change()
        snapshot = three.snapshot()
        remembered = think(snapshot)
        _forget()
        afresh = think(replace(snapshot))
        assert remembered.ready == afresh.ready
        assert remembered.changes == afresh.changes
        assert remembered.progress == afresh.progress
        three.perform(remembered.ready)
        three.settle_all()

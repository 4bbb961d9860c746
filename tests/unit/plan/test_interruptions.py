"""A plan that is interrupted after every move, and planned again from what is then there, ends in the same state.

Here nothing but the snapshot lives from one step to the next, so each step is a crash of the controller. Agents get
through one thing at a time, in any order; the spec changes, and servers go away and come back, at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_controller.model.move import Move, MoveAction
from fairlead_testing.planning import World, cluster, node, one_server
from fairlead_wire.assignment import Assignment, Subject
from fairlead_wire.task import TaskState

CHANGED: Mapping[str, Any] = {
    "components": {
        "etcd": {"args": {"snapshot-count": "5000"}},
        "kube-scheduler": {"args": {"v": "2"}},
        "kubelet": {"config": {"maxPods": 50}},
        "flannel": {"args": {"v": "2"}},
    },
    "dns": {"forward": ["9.9.9.9"]},
}


@dataclass(frozen=True)
class Scenario:
    """`later` happens once, at any moment. `wobbly`: servers may go away and come back meanwhile, once it has begun
    (before, others would be chosen)."""

    begin: Callable[[], World]
    later: Callable[[World], None] = lambda world: None
    wobbly: bool = True


def nothing() -> World:
    return World((node(),), cluster())


def nothing_on_three() -> World:
    return World((node(1), node(2), node(3)), cluster(workers={}))


def nothing_on_three_control_planes() -> World:
    return World((node(1), node(2), node(3)), cluster(controlPlane={"count": 3}))


def with_workers() -> World:
    world = nothing_on_three()
    world.run()
    return world


def three_control_planes() -> World:
    world = nothing_on_three_control_planes()
    world.run()
    return world


def changed_with_broken_scheduler() -> World:
    world = one_server()
    world.apply(**CHANGED)
    world.broken = {move.to_hash for move in world.plan() if move.component == "kube-scheduler"}
    return world


def correct(world: World) -> None:
    world.apply(**{**CHANGED, "components": {**CHANGED["components"], "kube-scheduler": {"args": {"v": "3"}}}})


SCENARIOS = {
    "first": Scenario(nothing),
    "first, with workers": Scenario(nothing_on_three),
    "first, of three": Scenario(nothing_on_three_control_planes),
    "change": Scenario(one_server, lambda world: world.apply(**CHANGED)),
    "change of a first": Scenario(nothing_on_three, lambda world: world.apply(workers={}, **CHANGED)),
    "change of three": Scenario(
        three_control_planes, lambda world: world.apply(controlPlane={"count": 3}, **CHANGED), wobbly=False
    ),
    "workers leave": Scenario(with_workers, lambda world: world.apply()),
    "workers leave a first": Scenario(nothing_on_three, lambda world: world.apply()),
    "delete": Scenario(with_workers, World.delete),
    "delete a first": Scenario(nothing_on_three, World.delete),
    "failed": Scenario(changed_with_broken_scheduler, wobbly=False),
    "failed and corrected": Scenario(changed_with_broken_scheduler, correct, wobbly=False),
}


@pytest.mark.parametrize("name", SCENARIOS)
@given(choices=st.lists(st.integers(0, 999), max_size=60))
@settings(max_examples=settings().max_examples // 3)
def test_every_interruption_ends_in_the_same_state(name: str, choices: list[int]) -> None:
    scenario = SCENARIOS[name]
    world, drawn = scenario.begin(), iter(choices)
    later = next(drawn, 0) % 20
    for step, choice in enumerate(drawn):
        if step == later:
            scenario.later(world)
        disturb(world, choice, scenario.wobbly)
    if len(choices) - 1 <= later:
        scenario.later(world)
    world.away = set()
    for _ in range(500):
        if not one_step(world, 0):
            break
    assert final(world) == undisturbed(name)


@cache
def undisturbed(name: str) -> tuple[Any, ...]:
    world = SCENARIOS[name].begin()
    SCENARIOS[name].later(world)
    world.run()
    return final(world)


def final(world: World) -> tuple[Any, ...]:
    """Claims, contents of assignments, and what people are told; not the numbers of revisions."""
    contents = {
        each.id: replace(world.held.get(each.id, Assignment()), revision=0, node=each.name) for each in world.nodes
    }
    told = world.progress()
    left = [(move.key, move.waits_for) for move in world.plan()]
    return set(world.claims), contents, told.done, told.failure, left


def disturb(world: World, choice: int, wobbly: bool) -> None:
    if wobbly and world.claims and choice % 11 == 10:
        names = [each.name for each in world.nodes]
        world.away ^= {names[choice % len(names)]}
    else:
        one_step(world, choice)


def one_step(world: World, choice: int) -> bool:
    """One move alone, or one thing that an agent gets done; whether there was any."""
    moves, pending = world.ready(), world.pending()
    if not moves and not pending:
        return False
    number = choice % (len(moves) + len(pending))
    if number < len(moves):
        before = dict(world.held)
        replacements_wait_for_health(world, moves[number])
        world.perform([moves[number]])
        check(world, before)
    else:
        world.settle(*pending[number - len(moves)])
    return True


def check(world: World, before: Mapping[str, Assignment]) -> None:
    for node_id, held in world.held.items():
        old = before.get(node_id, Assignment())
        if held is not old:
            assert held.revision == old.revision + 1
            nothing_is_forgotten(world, node_id, old, held)


def nothing_is_forgotten(world: World, node_id: str, old: Assignment, held: Assignment) -> None:
    """A task only leaves an assignment by an explicit removal; a removal only once it is done."""
    removals = {(removal.name, removal.hash) for removal in held.removals}
    kept = {task.component for task in held.tasks}
    gone = [task for task in old.tasks if task.component not in kept]
    assert all((task.component, task.hash) in removals for task in gone)
    for removal in old.removals:
        if removal not in held.removals and removal.name not in kept:
            seen = [each for each in world.done if each.node_id == node_id]
            assert is_done(world, node_id, removal.name) or seen[-1].action is MoveAction.RELEASE


def is_done(world: World, node_id: str, name: str) -> bool:
    return any(
        each.name == name and each.state is TaskState.REMOVED for each in world.observed.get(node_id, {}).values()
    )


def replacements_wait_for_health(world: World, move: Move) -> None:
    """What is well is only replaced while all that can be seen is well: so one at a time, and none after a failure."""
    if move.action is MoveAction.REPLACE:
        leaving = {other.node_id for other in world.plan() if other.action is MoveAction.RELEASE}
        ill = {(node_id, key[1]) for node_id, key in world.pending() if key[0] is Subject.TASK} | set(failed(world))
        ill = {(node_id, component) for node_id, component in ill if node_id not in leaving}
        assert not ill or (move.node_id, move.component) in ill


def failed(world: World) -> Iterator[tuple[str, str]]:
    for node_id, seen in world.observed.items():
        for (subject, name), each in seen.items():
            if subject is Subject.TASK and each.state is TaskState.FAILED:
                yield node_id, name

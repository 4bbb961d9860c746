"""Planning a cluster of a thousand nodes: from nothing, and again after one observation. Pure, in this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks.figures import Figure
from fairlead_controller.model.node import Node
from fairlead_controller.model.snapshot import Cluster, Snapshot
from fairlead_controller.rounds import Round, think
from fairlead_testing.planning import MATERIAL, World, cluster, fleet, node
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

NODES, CONTROL_PLANES, REPEATS = 1000, 3, 5
NETWORK = {"pods": "10.32.0.0/11", "nodePrefix": 24, "services": "10.96.0.0/12"}


def figures() -> list[Figure]:
    nothing = [_seconds(_from_nothing(number))[0] for number in range(REPEATS)]
    return [
        Figure("Planning 1,000 nodes from nothing", "s", 2.0, tuple(nothing), _REMARK),
        Figure("Replanning them after one observation, at rest", "ms", 50, _replanned(at_rest=True), _REMARK),
        Figure("… in the middle of a bring-up", "ms", 50, _replanned(at_rest=False), _REMARK),
    ]


_ISSUERS = dict.fromkeys(MATERIAL.authorities, "0123456789abcdef0123456789abcdef01234567")
_REMARK = "processor time of one whole round: difference, what may happen now, what it changes, progress"


def _cluster(number: int = 0) -> Cluster:
    """Each number is another cluster, so that nothing of an earlier one is remembered."""
    network = {**NETWORK, "domain": f"c{number}.local"}
    return cluster(workers={"match": {}}, controlPlane={"count": CONTROL_PLANES}, network=network)


def _nodes() -> tuple[Node, ...]:
    return tuple(_node(node(), number) for number in range(NODES))


def _node(model: Node, number: int) -> Node:
    name, address = f"node-{number:04}", f"10.1.{number // 250}.{number % 250 + 1}"
    return replace(model, id=f"id-{number}", name=name, facts=replace(model.facts, hostname=name, address=address))


def _from_nothing(number: int) -> Callable[[], Round]:
    snapshot = Snapshot(_cluster(number), fleet(_nodes()), replace(MATERIAL, issuers=_ISSUERS))
    return lambda: think(snapshot)


def _replanned(at_rest: bool) -> tuple[float, ...]:
    """Milliseconds of rounds that follow each other, each after news of one component of one node."""
    world = World(_nodes(), _cluster(NODES))
    first = think(world.snapshot())
    world.claims, world.held = first.changes.claims_added, dict(first.changes.assignments)
    if at_rest:
        world.settle_all()
    snapshot = world.snapshot()
    think(snapshot)
    think(snapshot)
    return tuple(1000 * _after_news(world, snapshot, number) for number in range(REPEATS))


def _after_news(world: World, before: Snapshot, number: int) -> float:
    told = world.nodes[NODES // 2 + number]
    task = world.held[told.id].tasks[0]
    news = Observation(Subject.TASK, task.component, task.hash, TaskState.UNHEALTHY, f"news {number}")
    seen = {**before.observed, told.id: {**before.observed_on(told.id), news.identity: news}}
    # As reconcile takes it: a new snapshot, whose other parts are the same as before.
    return _seconds(lambda: think(replace(before, observed=seen)))[0]


def _seconds(work: Callable[[], Round]) -> tuple[float, Round]:
    gc.collect()
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found

"""Plans being carried out: what comes when, what waits for what, and what stops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.plan.catalogue import REMOVAL_ORDER, REPLACEMENT_ORDER
from fairlead_controller.plan.pin import pin
from fairlead_testing.planning import World, cluster, node, one_server, spec, words
from fairlead_wire.assignment import Observation, RemovalKind, Subject
from fairlead_wire.task import TaskState

EVERYTHING = {name: {"args": {"v": "2"}} for name in REPLACEMENT_ORDER if name not in ("api-proxy", "kube-proxy")} | {
    "kube-proxy": {"config": {"oomScoreAdj": -998}},
}
EVERYTHING.pop("coredns")


def waits(world: World) -> dict[str, str]:
    return {words(move): move.waits_for for move in world.plan()}


def workers(count: int) -> World:
    world = World(tuple(node(number + 1) for number in range(count + 1)), cluster(workers={}))
    world.run()
    return world


def test_a_first_cluster_is_one_revision() -> None:
    world = World((node(),), cluster())
    assert all(not move.waits_for for move in world.plan())
    assert [move.action for move in world.plan()][:2] == [MoveAction.CLAIM, MoveAction.PLACE]
    world.perform(world.ready())
    assert world.plan() == ()
    assignment = world.held["id-lab-1"]
    assert assignment.revision == 1
    assert len(assignment.tasks) == 10
    assert assignment.objects
    assert not world.progress().done
    world.settle_all()
    assert world.progress().done


def test_a_plan_at_rest_is_empty() -> None:
    world = one_server()
    assert world.plan() == ()
    assert {step.state for step in world.progress().steps} == {"healthy"}


def test_replacements_happen_one_at_a_time_in_the_order_of_dependence() -> None:
    world = one_server()
    before = len(world.done)
    world.apply(components=EVERYTHING)
    while ready := world.ready():
        assert len(ready) == 1
        world.perform(ready)
        assert world.ready() == (), "the next one waits until this one is healthy"
        world.settle_all()
    replaced = [move.component for move in world.done[before:]]
    assert replaced == [name for name in REPLACEMENT_ORDER if name in EVERYTHING]
    assert world.progress().done


def test_the_rest_of_a_rollout_says_what_it_waits_for() -> None:
    world = one_server()
    world.apply(components=EVERYTHING)
    assert waits(world)["replace kubelet on lab-1"] == "waits for the replacement of etcd on lab-1"
    world.perform(world.ready())
    etcd = world.held["id-lab-1"].task("etcd")
    assert etcd is not None
    seen = Observation(Subject.TASK, "etcd", etcd.hash, TaskState.STARTING, "no answer yet")
    world.see("id-lab-1", seen)
    assert waits(world)["replace kubelet on lab-1"] == (
        "waits for etcd on lab-1 to be healthy, it is starting: no answer yet"
    )
    step = next(step for step in world.progress().steps if step.component == "kubelet")
    assert (step.state, step.message) == ("waiting", waits(world)["replace kubelet on lab-1"])


def test_a_restart_of_the_only_etcd_and_apiserver_is_shown_as_an_outage() -> None:
    world = one_server()
    world.apply(components=EVERYTHING)
    assert [move.component for move in world.plan() if move.outage] == ["etcd", "kube-apiserver"]


def test_a_failed_replacement_stops_the_rollout_with_its_reason_until_it_is_corrected() -> None:
    world = one_server()
    world.apply(components=EVERYTHING)
    scheduler = next(move for move in world.plan() if move.component == "kube-scheduler")
    world.broken.add(scheduler.to_hash)
    world.run()
    assert world.progress().failure == "kube-scheduler on lab-1 failed: exited with code 1"
    assert not world.progress().done
    left = waits(world)
    assert "replace kubelet on lab-1" in left
    assert all(why.startswith("stopped, because kube-scheduler on lab-1 failed: exited") for why in left.values())

    world.apply(components=EVERYTHING | {"kube-scheduler": {"args": {"v": "3"}}})
    world.run()
    assert world.progress().done
    assert world.progress().failure == ""


def test_a_cure_goes_before_everything_that_waits_for_health() -> None:
    """The kubelet is ill and its correction comes with a change of etcd, which needs all to be well."""
    world = one_server()
    kubelet = world.held["id-lab-1"].task("kubelet")
    assert kubelet is not None
    world.see("id-lab-1", Observation(Subject.TASK, "kubelet", kubelet.hash, TaskState.UNHEALTHY, "not Ready"))
    changed = {"etcd": {"args": {"snapshot-count": "5000"}}, "kubelet": {"args": {"v": "2"}}}
    world.apply(components=changed)
    assert [words(move) for move in world.ready()] == ["replace kubelet on lab-1"]
    world.run()
    assert world.actions()[-2:] == ["replace kubelet on lab-1", "replace etcd on lab-1"]


def test_a_cure_waits_for_what_it_depends_on() -> None:
    world = one_server()
    for component in ("etcd", "kubelet"):
        task = world.held["id-lab-1"].task(component)
        assert task is not None
        world.see("id-lab-1", Observation(Subject.TASK, component, task.hash, TaskState.UNHEALTHY, "down"))
    world.apply(components={"kubelet": {"args": {"v": "2"}}})
    assert waits(world) == {
        "replace kubelet on lab-1": "waits for etcd on lab-1 to be healthy, it is unhealthy: down",
    }


def test_a_new_node_is_placed_while_others_are_replaced() -> None:
    world = workers(1)
    world.nodes = (*world.nodes, node(3))
    world.apply(workers={}, components={"kubelet": {"args": {"v": "2"}}})
    ready = [words(move) for move in world.ready()]
    assert "claim on lab-3" in ready
    assert "replace kubelet on lab-1" in ready
    assert "replace kubelet on lab-2" not in ready
    world.run()
    assert world.progress().done


def test_an_unreachable_node_holds_up_nobody_else() -> None:
    world = workers(2)
    world.away = {"lab-2"}
    world.apply(workers={}, components={"kubelet": {"args": {"v": "2"}}})
    world.run()
    assert list(waits(world)) == ["replace kubelet on lab-2"]
    assert "lab-2, which has no session" in waits(world)["replace kubelet on lab-2"]
    assert not world.progress().done
    world.away = set()
    world.run()
    assert world.progress().done


def test_a_worker_that_is_away_is_waited_for_in_so_many_words_for_a_file_too() -> None:
    """A zone file is read again by itself, so no component of the worker has anything to wait for."""
    world = workers(2)
    world.away = {"lab-3"}
    files = {path: f"{text}new 3600 IN A 10.9.8.6\n" for path, text in world.cluster.files.items()}
    world.cluster = replace(world.cluster, revision=2, files=files)
    world.run()
    [step] = [step for step in world.progress().steps if step.state == "waiting"]
    assert (step.node, step.component) == ("lab-3", "configuration")
    assert "lab-3, which has no session" in step.message
    assert not world.progress().done
    world.away = set()
    world.run()
    assert world.progress().done


def test_a_node_that_goes_away_before_it_is_let_go_is_waited_for_in_so_many_words() -> None:
    world = workers(1)
    world.apply(controlPlane={"nodes": ["lab-1"]}, workers=None)
    while [move.action for move in world.plan()] != [MoveAction.RELEASE]:
        world.perform(world.ready())
        world.settle_all()
    world.away = {"lab-2"}
    [step] = [step for step in world.progress().steps if step.state == "waiting"]
    assert (step.node, step.component) == ("lab-2", "host")
    assert "lab-2, which has no session" in step.message


def test_what_failed_on_a_node_that_is_away_fails_no_later_change() -> None:
    """It may be well by now; its server is perhaps being repaired."""
    world = workers(2)
    kubelet = world.held["id-lab-3"].task("kubelet")
    assert kubelet is not None
    failed = Observation(Subject.TASK, "kubelet", kubelet.hash, TaskState.FAILED, "exited with code 1")
    world.see("id-lab-3", failed)
    assert world.progress().failure == "kubelet on lab-3 failed: exited with code 1"
    world.away = {"lab-3"}
    assert world.progress().failure == ""
    assert not world.progress().done
    world.apply(workers={}, components={"kubelet": {"args": {"v": "2"}}})
    world.run()
    assert world.progress().failure == ""
    assert list(waits(world)) == ["replace kubelet on lab-3"]


def test_files_that_need_a_new_container_change_together_with_it() -> None:
    world = workers(1)
    before = {node_id: held.files for node_id, held in world.held.items()}
    world.apply(workers={}, components={"kubelet": {"config": {"maxPods": 50}}})
    world.perform(world.ready())
    assert world.held["id-lab-1"].files != before["id-lab-1"]
    assert world.held["id-lab-2"].files == before["id-lab-2"], "under a running kubelet nothing changes"


def test_a_new_cluster_begins_with_all_its_control_planes_or_not_at_all() -> None:
    three = [f"lab-{number}" for number in (1, 2, 3)]
    world = World((node(1), node(2), node(3)), cluster(controlPlane={"nodes": three}), away={"lab-3"})
    assert waits(world)["claim on lab-1"] == "waits for the agents of all control planes; without a session: lab-3"
    assert world.ready() == ()
    world.away = set()
    world.run()
    assert world.progress().done


def test_quorum_comes_first() -> None:
    world = World((node(1), node(2), node(3)), cluster(controlPlane={"count": 3}))
    world.run()
    world.apply(controlPlane={"count": 3}, components={"etcd": {"args": {"snapshot-count": "5000"}}})
    assert not any(move.outage for move in world.plan()), "two of three keep the majority"
    world.away = {"lab-3"}
    assert waits(world)["replace etcd on lab-1"] == (
        "waits for more healthy etcd members: 1 of 3 would be left, and 2 are needed"
    )
    world.away = set()
    order: list[Move] = []
    while ready := world.ready():
        order += ready
        world.perform(ready)
        world.settle_all()
    assert [words(move) for move in order] == [f"replace etcd on lab-{number}" for number in (1, 2, 3)]


def test_deletion_removes_everything_in_order_and_then_lets_the_node_go() -> None:
    world = one_server()
    before = len(world.done)
    world.delete()
    while ready := world.ready():
        assert len(ready) == 1
        world.perform(ready)
        assert world.held["id-lab-1"].objects == (), "nothing is applied behind a removal"
        world.settle_all()
    removed = [move.component for move in world.done[before:]]
    assert removed == [*REMOVAL_ORDER, "host", ""]
    assert world.claims == ()
    assert world.held["id-lab-1"].same_content(replace(world.held["id-lab-1"], cluster="", tasks=(), removals=()))
    assert world.progress().done


@pytest.mark.parametrize("destroy", [False, True])
def test_a_removal_carries_all_that_the_agent_needs(destroy: bool) -> None:
    world = one_server()
    task = world.held["id-lab-1"].task("kubelet")
    assert task is not None
    world.delete(destroy)
    world.perform(world.ready())
    (removal,) = world.held["id-lab-1"].removals
    assert (removal.kind, removal.name, removal.hash) == (RemovalKind.TASK, "kubelet", task.hash)
    assert removal.footprint == task.footprint
    assert removal.destroy_data is destroy
    assert removal.reason == "cluster lab is deleted"


def test_workers_go_before_control_planes() -> None:
    world = workers(2)
    world.delete()
    assert [words(move) for move in world.ready()] == ["remove kubelet on lab-2", "remove kubelet on lab-3"]
    assert waits(world)["remove kubelet on lab-1"] == "waits for the workers to be released: lab-2, lab-3"
    world.run()
    assert world.claims == ()


def test_a_removal_that_fails_stops_and_says_why() -> None:
    world = one_server()
    world.delete()
    world.perform(world.ready())
    (removal,) = world.held["id-lab-1"].removals
    why = "target is busy: /var/lib/kubelet/pods/x"
    world.see("id-lab-1", Observation(Subject.REMOVAL, "kubelet", removal.hash, TaskState.FAILED, why))
    assert world.ready() == ()
    assert (
        waits(world)["remove kube-proxy on lab-1"]
        == f"stopped, because the removal of kubelet from lab-1 failed: {why}"
    )
    assert world.progress().failure == f"the removal of kubelet from lab-1 failed: {why}"


def test_a_worker_that_leaves_is_emptied_and_then_its_objects_go() -> None:
    world = workers(1)
    world.apply()
    seen: list[tuple[str, ...]] = []
    while (ready := world.ready()) or world.pending():
        world.perform(ready)
        seen.append(tuple(removal.name for removal in world.held["id-lab-1"].removals))
        world.settle_all()
    assert [claim.node_id for claim in world.claims] == ["id-lab-1"]
    gone = {"node/lab-2", "endpointslice/kube-system/kube-dns-lab-2"}
    assert {name for names in seen for name in names} == gone
    assert world.held["id-lab-1"].removals == (), "what is done is forgotten"
    assert world.progress().done
    at_release = world.actions().index("release on lab-2")
    assert "configure on lab-1" in world.actions()[at_release:], "a kubelet that still ran would bring its Node back"


def test_a_worker_that_comes_back_is_emptied_first() -> None:
    world = workers(1)
    world.apply()
    while "remove host on lab-2" not in world.actions():
        world.perform(world.ready())
        if "remove host on lab-2" not in world.actions():
            world.settle_all()
    world.apply(workers={})
    assert waits(world)["place kubelet on lab-2"] == "waits for the removal of the host from lab-2"
    world.run()
    assert world.progress().done
    assert world.held["id-lab-2"].removals == ()
    assert len(world.held["id-lab-2"].tasks) == 6


def test_revisions_of_a_node_go_on_from_one_cluster_to_the_next() -> None:
    world = one_server()
    world.delete()
    world.run()
    last = world.held["id-lab-1"].revision
    world.cluster = cluster()
    world.run()
    assert world.held["id-lab-1"].revision > last
    assert world.progress().done


def test_a_node_is_not_let_go_because_it_was_emptied_once_before() -> None:
    """Late news of an earlier deletion: same cluster, same node, same tasks."""
    world = one_server()
    old = {}
    world.delete()
    while ready := world.ready():
        if any(move.action is MoveAction.RELEASE for move in ready):
            old = dict(world.observed["id-lab-1"])
        world.perform(ready)
        world.settle_all()
    world.cluster = cluster()
    world.observed["id-lab-1"] = old
    world.run()
    world.delete()
    while ready := world.ready():
        world.perform(ready)
    assert waits(world) == {"release on lab-1": "waits for the removal of the host from lab-1"}


def test_a_file_that_can_not_be_written_is_a_failure() -> None:
    world = one_server()
    file = world.held["id-lab-1"].files[0]
    why = "no space left on device"
    world.see("id-lab-1", Observation(Subject.FILE, file.path, file.digest, TaskState.FAILED, why))
    assert world.progress().failure == f"{file.path} on lab-1 can't be kept: {why}"


def test_objects_that_are_not_applied_keep_it_from_being_done() -> None:
    world = one_server()
    some = world.held["id-lab-1"].objects[0]
    world.see("id-lab-1", Observation(Subject.OBJECT, some.name, some.digest, TaskState.PENDING, "403 Forbidden"))
    step = next(step for step in world.progress().steps if step.component == "objects")
    count = len(world.held["id-lab-1"].objects)
    assert (step.state, step.message) == ("pending", f"{count - 1} of {count} are applied; 403 Forbidden")
    assert not world.progress().done


def test_news_of_another_hash_is_no_news() -> None:
    world = one_server()
    world.see("id-lab-1", Observation(Subject.TASK, "etcd", "another", TaskState.FAILED, "old"))
    assert not world.progress().done
    assert world.progress().failure == ""


def test_the_pin_changes_with_what_would_be_done_and_not_with_what_is_waited_for() -> None:
    world = workers(1)
    world.apply(workers={}, components=EVERYTHING)
    shown = world.plan()
    pinned = pin(3, spec(), {}, shown)
    world.away = {"lab-2"}
    assert pin(3, spec(), {}, world.plan()) == pinned
    assert pinned.startswith("3-")
    other: dict[str, Any] = {"endpoint": "api.example.com"}
    assert (
        len({pinned, pin(4, spec(), {}, shown), pin(3, spec(**other), {}, shown), pin(3, spec(), {}, shown[1:])}) == 4
    )

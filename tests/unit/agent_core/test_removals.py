"""Only what an assignment explicitly says is removed, and only while its controller is there."""

from __future__ import annotations

from dataclasses import replace

from fairlead_testing.agent_bench import AgentBench, agent
from fairlead_testing.tasks import assignment, reads, service
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import Assignment, FileSpec, ObjectSpec, Removal, RemovalKind, Subject
from fairlead_wire.task import Footprint, OnChange, TaskState

ETCD = service("etcd", port=2379)
API = service("kube-apiserver", port=6443)
CONFIG = FileSpec.of("/etc/etcd.conf", "a")
OURS = Footprint(directories=("/var/lib/etcd/cache",), data_directories=("/var/lib/etcd/data",))
GO = Removal(RemovalKind.TASK, "etcd", ETCD.hash, "the cluster is deleted", footprint=OURS)


def _with(held: Assignment, *removals: Removal) -> Assignment:
    return replace(held, removals=removals)


async def _removed(bench: AgentBench, name: str) -> str:
    await bench.until(
        lambda: (seen := bench.seen(name, Subject.REMOVAL)) is not None and seen.state is TaskState.REMOVED
    )
    seen = bench.seen(name, Subject.REMOVAL)
    assert seen is not None
    return seen.message


def test_a_removed_task_takes_its_footprint_along_and_says_what_stays() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            await bench.hold(_with(assignment(revision=2), GO))
            assert "/var/lib/etcd/data" in await _removed(bench, "etcd")
            assert bench.host.cleaned == [(OURS, False)]
            assert not bench.view.containers
            await bench.restart()
            await _removed(bench, "etcd")
            assert len(bench.calls("stop")) == 1, "again is the same as once"

    virtually(main())


def test_data_goes_when_a_second_flag_says_so() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            await bench.hold(_with(assignment(revision=2), GO))
            await _removed(bench, "etcd")
            await bench.hold(_with(assignment(revision=3), replace(GO, destroy_data=True)))
            await bench.until(lambda: (OURS, True) in bench.host.cleaned)

    virtually(main())


def test_nothing_is_removed_with_the_controller_away() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            bench.offline()
            await bench.hold(_with(assignment(revision=2), GO))
            await bench.live(60)
            assert not bench.calls("stop", "remove")
            await bench.online()
            await _removed(bench, "etcd")

    virtually(main())


def test_a_removal_of_an_old_hash_leaves_the_task_of_that_name_and_its_data_alone() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(_with(assignment(ETCD), replace(GO, hash="another")))
            await bench.until_healthy("etcd")
            await _removed(bench, "etcd")
            assert not bench.calls("stop", "remove")
            assert not bench.host.cleaned

    virtually(main())


def test_the_host_is_undone_last_and_stays_undone() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.lag = lambda: 0.5
            await bench.hold(assignment(reads(ETCD, CONFIG, OnChange.NONE), CONFIG))
            await bench.until_healthy("etcd")
            host = Removal(RemovalKind.HOST, "lab", reason="the cluster is deleted")
            await bench.hold(_with(assignment(revision=2), GO, host))
            await _removed(bench, "lab")
            calls = [call for call in bench.host.calls if call in ("clean_footprint", "undo_ledger")]
            assert calls == ["clean_footprint", "undo_ledger"]
            assert CONFIG.path not in bench.host.files
            await bench.live(60)
            assert CONFIG.path not in bench.host.files

    virtually(main())


def test_a_cluster_comes_back_on_a_host_that_was_undone() -> None:
    async def main() -> None:
        async with agent("etcd:1", "kube-apiserver:1") as bench:
            spec = ObjectSpec.of("role/a", "/apis/a", "{}")
            whole = assignment(reads(ETCD, CONFIG, OnChange.NONE), API, CONFIG, spec)
            await bench.hold(whole)
            await bench.until(lambda: "/apis/a" in bench.objects.held)
            gone = [Removal(RemovalKind.TASK, task.component, task.hash) for task in whole.tasks]
            await bench.hold(_with(assignment(revision=2), *gone, Removal(RemovalKind.HOST, "lab")))
            await _removed(bench, "lab")
            bench.objects.held.clear()
            await bench.hold(replace(whole, revision=3))
            await bench.until_healthy("etcd")
            assert CONFIG.path in bench.host.files
            await bench.until(lambda: "/apis/a" in bench.objects.held)

    virtually(main())


def test_objects_are_removed_through_the_apiserver_of_this_node() -> None:
    async def main() -> None:
        async with agent("kube-apiserver:1") as bench:
            spec = ObjectSpec.of("role/a", "/apis/a", "{}")
            await bench.hold(assignment(API, spec))
            await bench.until(lambda: "/apis/a" in bench.objects.held)
            gone = Removal(RemovalKind.OBJECT, "role/a", path="/apis/a")
            await bench.hold(_with(assignment(API, revision=2), gone))
            await _removed(bench, "role/a")
            assert not bench.objects.held

    virtually(main())


def test_an_empty_assignment_removes_nothing() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(reads(ETCD, CONFIG, OnChange.NONE), CONFIG))
            await bench.until_healthy("etcd")
            bench.forget()
            await bench.hold(assignment(revision=2))
            await bench.live(60)
            assert not bench.calls("stop", "remove")
            assert CONFIG.path in bench.host.files

    virtually(main())

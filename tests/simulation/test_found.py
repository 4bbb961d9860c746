"""What simulations have found, each by itself and without a seed."""

from __future__ import annotations

from dataclasses import replace

from fairlead_agent.reporter import Reporter
from fairlead_testing.agent_bench import agent
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_testing.simulation.fleet import simulate
from fairlead_testing.simulation.schedule import Fault, Schedule, Wish
from fairlead_testing.tasks import assignment, service
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import ObjectSpec, Observation, Removal, RemovalKind, Subject
from fairlead_wire.task import TaskState

API = service("kube-apiserver", port=6443)
ROLE = ObjectSpec.of("role", "/apis/rbac/role", "{}")
GO = Removal(RemovalKind.TASK, "kube-apiserver", API.hash, "the cluster is deleted")


def test_an_agent_outlives_a_write_on_a_session_that_is_over() -> None:
    """gRPC raises InvalidStateError then, which is no RpcError; of a hundred lost connections some end in a write."""
    drops = tuple(Fault(1.0 + 0.113 * number, "drop", seconds=0.01) for number in range(100))
    verdict = simulate(Schedule(0, (0.0,), (Wish(workers="none").at(0.2),), drops))
    assert not verdict.broken


def test_what_is_seen_again_after_it_was_gone_is_told_again() -> None:
    """A controller forgets what it saw of a node that leaves its cluster; the next cluster may give it the same."""

    async def main() -> None:
        reporter, seen = Reporter(), Observation(Subject.OBJECT, "role", "h", TaskState.HEALTHY)
        for observations in ((seen,), (), (seen,)):
            reporter.observed(1, observations, 10.0)
            if observations:
                _, told = await reporter.batch()
                assert [item.name for item in told] == ["role"]

    virtually(main())


def test_an_object_that_was_let_go_is_applied_again_for_the_next_cluster() -> None:
    async def main() -> None:
        async with agent("kube-apiserver:1") as bench:
            for revision in (1, 3):
                bench.objects.held.clear()
                await bench.hold(assignment(API, ROLE, revision=revision))
                await bench.until(lambda: bench.seen("role", Subject.OBJECT) is not None)
                await bench.until(lambda: _state(bench.seen("role", Subject.OBJECT)) is TaskState.HEALTHY)
                assert bench.objects.held, "it was told as healthy, and nobody had applied it"
                await bench.hold(assignment(API, revision=revision + 1))
                await bench.live(1.0)

    virtually(main())


def test_the_same_removal_is_carried_out_each_time_that_it_is_asked_for() -> None:
    async def main() -> None:
        async with agent("kube-apiserver:1") as bench:
            for revision in (1, 3):
                await bench.hold(assignment(API, revision=revision))
                await bench.until_healthy("kube-apiserver")
                await bench.hold(replace(assignment(revision=revision + 1), removals=(GO,)))
                await bench.until(lambda: _state(bench.seen("kube-apiserver", Subject.REMOVAL)) is TaskState.REMOVED)
                assert not _names(bench.runtime)

    virtually(main())


def test_a_failure_that_lasts_is_told_again_at_each_revision() -> None:
    """A controller that tries again has forgotten the last failure; without news it would wait for ever."""

    async def main() -> None:
        reporter, seen = Reporter(), Observation(Subject.TASK, "etcd", "h", TaskState.FAILED)
        for revision in (1, 2):
            reporter.observed(revision, (seen,), 10.0)
            _, told = await reporter.batch()
            assert [item.name for item in told] == ["etcd"]

    virtually(main())


def test_a_removal_is_not_done_while_a_container_of_it_is_there_again() -> None:
    """Docker may carry out a call after the agent gave up on its answer."""

    async def main() -> None:
        async with agent("kube-apiserver:1") as bench:
            await bench.hold(assignment(API))
            await bench.until_healthy("kube-apiserver")
            await bench.hold(replace(assignment(revision=2), removals=(GO,)))
            await bench.until(lambda: _state(bench.seen("kube-apiserver", Subject.REMOVAL)) is TaskState.REMOVED)
            await bench.runtime.create("lab", API, "fairlead-kube-apiserver")
            assert _names(bench.runtime)
            await bench.until(lambda: not _names(bench.runtime))

    virtually(main())


def test_a_fleet_is_the_same_in_each_run() -> None:
    schedule = Schedule(7, (0.0, 0.0, 0.0), (Wish().at(0.2),), ())
    assert simulate(schedule).story.lines == simulate(schedule).story.lines


def _names(runtime: FakeRuntime) -> list[str]:
    return [held.name for held in runtime._held.values()]


def _state(seen: Observation | None) -> TaskState | None:
    return seen.state if seen is not None else None

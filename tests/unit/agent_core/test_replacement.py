"""Commit-confirm: the old container stays beside the new one until that is healthy; else both changes are undone."""

from __future__ import annotations

import pytest

from fairlead_agent.runtime.port import ContainerStatus, RestartPolicy
from fairlead_testing.agent_bench import AgentBench, agent
from fairlead_testing.fake_runtime import Program
from fairlead_testing.tasks import assignment, reads, service
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import TaskSpec, TaskState

OLD = service("etcd", "etcd:1", port=2379)
NEW = service("etcd", "etcd:2", port=2380)
NAME, PREVIOUS = "fairlead-etcd", "fairlead-etcd-previous"


async def _old_runs(bench: AgentBench, task: TaskSpec = OLD, *files: FileSpec) -> str:
    await bench.hold(assignment(task, *files))
    await bench.until_healthy("etcd")
    bench.forget()
    return bench.runtime.held(NAME).id


def _names(bench: AgentBench) -> set[str]:
    return {held.name for held in bench.runtime._held.values()}


def test_the_old_one_is_removed_once_the_new_one_is_healthy() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            old = await _old_runs(bench)
            bench.prober.unhealthy[2380] = "not yet"
            await bench.hold(assignment(NEW, revision=2))
            await bench.until(lambda: PREVIOUS in _names(bench) and NAME in _names(bench))
            aside = bench.runtime.held(PREVIOUS)
            assert (aside.id, aside.status, aside.policy) == (old, ContainerStatus.EXITED, RestartPolicy.NO)
            bench.prober.unhealthy.clear()
            seen = await bench.until_state("etcd", TaskState.HEALTHY)
            await bench.until(lambda: PREVIOUS not in _names(bench))
            assert seen.hash == NEW.hash
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_the_old_one_runs_on_until_image_and_files_of_the_new_one_are_there() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            old = await _old_runs(bench)
            await bench.hold(assignment(NEW, revision=2))
            await bench.live(20)
            assert bench.runtime.held(NAME).status is ContainerStatus.RUNNING
            seen = bench.seen("etcd")
            assert seen is not None
            assert (seen.state, seen.hash) == (TaskState.HEALTHY, OLD.hash)
            assert "fetching the image etcd:2" in seen.message
            bench.runtime.registry.add("etcd:2")
            await bench.until(lambda: bench.runtime.held(NAME).id != old, seconds=60)
            await bench.until(lambda: getattr(bench.seen("etcd"), "hash", "") == NEW.hash)

    virtually(main())


def test_one_that_does_not_become_healthy_is_undone_and_not_tried_again() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            old = await _old_runs(bench)
            bench.prober.unhealthy[2380] = "connection refused"
            bench.runtime.programs["etcd"] = Program("unknown flag: --frobnicate\n", exit_code=1)
            await bench.hold(assignment(NEW, revision=2))
            seen = await bench.until_state("etcd", TaskState.FAILED)
            assert seen.hash == NEW.hash
            assert "unknown flag: --frobnicate" in seen.message
            await bench.until(lambda: bench.runtime.held(NAME).id == old)
            back = bench.runtime.held(NAME)
            back.program = Program()
            await bench.until(lambda: back.status is ContainerStatus.RUNNING)
            assert back.policy is RestartPolicy.ALWAYS
            await bench.live(120)
            assert len(bench.calls("create")) == 1, "that hash is not tried again"
            assert _names(bench) == {NAME}

    virtually(main())


def test_an_undone_one_is_tried_again_under_the_next_assignment() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            await _old_runs(bench)
            bench.prober.unhealthy[2380] = "connection refused"
            await bench.hold(assignment(NEW, revision=2))
            await bench.until_state("etcd", TaskState.FAILED)
            bench.prober.unhealthy.clear()
            await bench.hold(assignment(NEW, revision=3))
            await bench.until(
                lambda: (
                    (seen := bench.seen("etcd")) is not None
                    and (seen.state, seen.hash) == (TaskState.HEALTHY, NEW.hash)
                )
            )

    virtually(main())


def test_undoing_brings_the_old_files_back_before_the_old_container() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            good, bad = FileSpec.of("/etc/etcd.conf", "good"), FileSpec.of("/etc/etcd.conf", "bad")
            old_task, new_task = reads(OLD, good), reads(NEW, bad)
            old = await _old_runs(bench, old_task, good)
            bench.prober.unhealthy[2380] = "connection refused"
            await bench.hold(assignment(new_task, bad, revision=2))
            await bench.until_state("etcd", TaskState.FAILED)
            await bench.until(lambda: bench.runtime.held(NAME).id == old)
            assert bench.host.files["/etc/etcd.conf"].content == b"good"
            await bench.live(60)
            assert bench.host.files["/etc/etcd.conf"].content == b"good"

    virtually(main())


def test_one_that_cannot_be_started_is_undone_at_once() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            old = await _old_runs(bench)
            bench.runtime.unstartable["etcd"] = "exec: no such file"
            await bench.hold(assignment(NEW, revision=2))
            began = bench.steady()
            seen = await bench.until_state("etcd", TaskState.FAILED)
            assert "exec: no such file" in seen.message
            assert bench.steady() - began < 1
            bench.runtime.unstartable.clear()
            await bench.until(lambda: bench.runtime.held(NAME).id == old)
            await bench.until(lambda: bench.runtime.held(NAME).status is ContainerStatus.RUNNING)

    virtually(main())


def test_one_that_others_removed_before_it_was_started_is_made_again() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2", lag=lambda: 0.05) as bench:
            old = await _old_runs(bench)
            await bench.hold(assignment(NEW, revision=2))
            await bench.until(lambda: {NAME, PREVIOUS} <= _names(bench))
            made = bench.runtime.held(NAME)
            assert made.status is ContainerStatus.CREATED
            await bench.runtime.remove(made.id)
            await bench.until(lambda: old not in bench.runtime._held)
            seen = await bench.until_state("etcd", TaskState.HEALTHY)
            assert (seen.hash, bench.runtime.held(NAME).spec) == (NEW.hash, NEW)

    virtually(main())


def test_an_image_that_others_removed_costs_no_outage() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.runtime.registry.add("etcd:2")
            old = await _old_runs(bench)
            bench.prober.unhealthy[2380] = "not yet"
            await bench.hold(assignment(NEW, revision=2))
            await bench.until(lambda: "etcd:2" in bench.view.images)
            bench.runtime.images.discard("etcd:2")
            bench.prober.unhealthy.clear()
            await bench.until(lambda: getattr(bench.seen("etcd"), "hash", "") == NEW.hash)
            await bench.until_healthy("etcd")
            assert old not in bench.runtime._held

    virtually(main())


def test_an_assignment_that_changes_back_in_the_middle_restores_the_old_one() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            old = await _old_runs(bench)
            bench.prober.unhealthy[2380] = "not yet"
            await bench.hold(assignment(NEW, revision=2))
            await bench.until(lambda: PREVIOUS in _names(bench) and NAME in _names(bench))
            await bench.hold(assignment(OLD, revision=3))
            await bench.until(lambda: _names(bench) == {NAME} and bench.runtime.held(NAME).id == old)
            await bench.until_healthy("etcd")
            assert bench.runtime.held(NAME).policy is RestartPolicy.ALWAYS

    virtually(main())


@pytest.mark.parametrize("moment", [0.01 * step for step in range(0, 60, 2)])
@pytest.mark.parametrize("healthy", [True, False])
def test_an_agent_killed_at_any_moment_of_a_replacement_ends_it_well(moment: float, healthy: bool) -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2", lag=lambda: 0.02) as bench:
            await _old_runs(bench)
            if not healthy:
                bench.prober.unhealthy[2380] = "connection refused"
            await bench.hold(assignment(NEW, revision=2))
            await bench.live(moment)
            await bench.restart()
            state = TaskState.HEALTHY if healthy else TaskState.FAILED
            await bench.until(
                lambda: (seen := bench.seen("etcd")) is not None and seen.state is state and seen.hash == NEW.hash
            )
            await bench.until(lambda: _names(bench) == {NAME})
            left = bench.runtime.held(NAME)
            await bench.until(lambda: left.status is ContainerStatus.RUNNING)
            assert left.policy is RestartPolicy.ALWAYS
            assert left.spec == (NEW if healthy else OLD)

    virtually(main())

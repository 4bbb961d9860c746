"""What every Runtime must do. The fake is only worth something as long as it passes the same as the real Engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fairlead_agent.runtime.port import (
    PROTECTED,
    ContainerStatus,
    NameTaken,
    NoSuchContainer,
    NoSuchImage,
    RestartPolicy,
    RuntimeEvent,
    RuntimeFailure,
)
from fairlead_testing.runtime_bench import Bench
from fairlead_wire.facts import version_tuple
from fairlead_wire.task import Mount, TaskKind


async def test_the_engine_tells_what_the_planner_needs(bench: Bench) -> None:
    info = await bench.runtime.engine()
    assert version_tuple(info.version)
    assert version_tuple(info.api_version) >= (1, 41)
    assert info.root.startswith("/")
    assert info.cgroup_driver in ("cgroupfs", "systemd")
    assert info.cgroup_version in (1, 2)


async def test_a_created_container_is_listed_and_does_not_run(bench: Bench) -> None:
    identity = await bench.made("etcd")
    (held,) = (await bench.ours()).values()
    assert (held.id, held.name, held.component) == (identity, bench.name("etcd"), "etcd")
    assert (held.hash, held.image) == (bench.spec("etcd").hash, bench.image)
    assert (held.status, held.started_ms, held.restarts) == (ContainerStatus.CREATED, 0, 0)


async def test_start_runs_it_and_starting_again_is_fine(bench: Bench) -> None:
    identity = await bench.running("etcd")
    await bench.runtime.start(identity)
    held = (await bench.ours())["etcd"]
    assert held.status is ContainerStatus.RUNNING
    assert held.started_ms > 0


async def test_a_stopped_container_stays_stopped_and_stopping_again_is_fine(bench: Bench) -> None:
    identity = await bench.running("etcd")
    await bench.runtime.stop(identity, 5)
    await bench.runtime.stop(identity, 5)
    assert (await bench.ours())["etcd"].status is ContainerStatus.EXITED
    await bench.runtime.start(identity)
    assert (await bench.ours())["etcd"].status is ContainerStatus.RUNNING


async def test_removal_needs_no_stop_and_twice_is_fine(bench: Bench) -> None:
    identity = await bench.running("etcd")
    await bench.runtime.remove(identity)
    await bench.runtime.remove(identity)
    assert await bench.ours() == {}


async def test_a_name_is_taken_only_once(bench: Bench) -> None:
    identity = await bench.made("etcd")
    with pytest.raises(NameTaken):
        await bench.made("etcd")
    other = await bench.runtime.create(bench.cluster, bench.spec("etcd"), bench.name("etcd-new"))
    with pytest.raises(NameTaken):
        await bench.runtime.rename(other, bench.name("etcd"))
    await bench.runtime.rename(identity, bench.name("etcd-old"))
    await bench.runtime.rename(other, bench.name("etcd"))
    held = {item.id: item.name for item in await bench.runtime.containers() if item.cluster == bench.cluster}
    assert held == {identity: bench.name("etcd-old"), other: bench.name("etcd")}


async def test_containers_come_by_name_whatever_their_state(bench: Bench) -> None:
    await bench.made("scheduler")
    await bench.running("api-proxy")
    names = [item.name for item in await bench.runtime.containers() if item.cluster == bench.cluster]
    assert names == [bench.name("api-proxy"), bench.name("scheduler")]


async def test_an_image_that_is_not_here(bench: Bench) -> None:
    missing = "127.0.0.1:1/fairlead/none:1"
    assert await bench.runtime.has_image(bench.image)
    assert not await bench.runtime.has_image(missing)
    with pytest.raises(NoSuchImage):
        await bench.runtime.create(bench.cluster, replace(bench.spec("etcd"), image=missing), bench.name("etcd"))
    with pytest.raises(NoSuchImage, match=missing):
        await bench.runtime.pull(missing)


async def test_an_image_has_an_identifier_whatever_name_it_goes_by(bench: Bench) -> None:
    name, full = bench.image_name("one"), f"docker.io/{bench.image_name('one')}"
    await bench.runtime.tag(bench.image, name)
    identity = await bench.runtime.image_id(bench.image)
    assert identity.startswith("sha256:")
    assert await bench.runtime.image_id(name) == await bench.runtime.image_id(full) == identity
    assert await bench.runtime.has_image(full)
    assert await bench.runtime.image_id(bench.image_name("none")) == ""
    await bench.runtime.forget_image(name)


async def test_a_name_is_forgotten_and_the_image_stays_under_its_other_one(bench: Bench) -> None:
    name = bench.image_name("two")
    await bench.runtime.tag(bench.image, name)
    await bench.running("etcd")
    await bench.runtime.forget_image(name)
    await bench.runtime.forget_image(name)
    assert not await bench.runtime.has_image(name)
    assert await bench.runtime.has_image(bench.image)


async def test_the_last_name_of_an_image_that_is_used_stays(bench: Bench) -> None:
    await bench.running("etcd")
    with pytest.raises(RuntimeFailure, match="conflict"):
        await bench.runtime.forget_image(bench.image)
    assert await bench.runtime.has_image(bench.image)


async def test_what_is_not_here_gets_no_other_name(bench: Bench) -> None:
    with pytest.raises(NoSuchImage):
        await bench.runtime.tag("127.0.0.1:1/fairlead/none:1", bench.image_name("three"))


async def test_what_is_gone_is_said_to_be_gone(bench: Bench) -> None:
    gone = "0" * 64
    for call in (
        bench.runtime.start(gone),
        bench.runtime.stop(gone, 1),
        bench.runtime.rename(gone, bench.name("x")),
        bench.runtime.set_restart(gone, RestartPolicy.NO),
        bench.runtime.logs(gone, 5),
        bench.runtime.run_inside(gone, ("true",), 5),
    ):
        with pytest.raises(NoSuchContainer):
            await call


async def test_a_service_that_crashes_is_restarted_and_counted(bench: Bench) -> None:
    await bench.runtime.start(await bench.made("etcd", script="echo broken; exit 3", output="broken\n", exit_code=3))
    held = (await bench.until(lambda found: found["etcd"].restarts >= 2))["etcd"]
    assert held.status in (ContainerStatus.RESTARTING, ContainerStatus.RUNNING)
    assert "broken" in await bench.runtime.logs(held.id, 5)


async def test_without_a_restart_policy_it_stays_down(bench: Bench) -> None:
    identity = await bench.made("etcd", script="exit 3", exit_code=3)
    await bench.runtime.set_restart(identity, RestartPolicy.NO)
    await bench.runtime.start(identity)
    held = (await bench.until(lambda found: found["etcd"].status is ContainerStatus.EXITED))["etcd"]
    assert (held.exit_code, held.restarts) == (3, 0)


async def test_a_job_runs_once(bench: Bench) -> None:
    job = replace(bench.spec("restore", script="echo done", output="done\n", exit_code=0), kind=TaskKind.JOB)
    await bench.runtime.start(await bench.runtime.create(bench.cluster, job, bench.name("restore")))
    held = (await bench.until(lambda found: found["restore"].status is ContainerStatus.EXITED))["restore"]
    assert (held.exit_code, held.restarts) == (0, 0)
    assert await bench.runtime.logs(held.id, 1) == "done\n"


async def test_logs_are_the_last_lines(bench: Bench) -> None:
    job = replace(
        bench.spec("job", script="echo one; echo two; echo three", output="one\ntwo\nthree\n", exit_code=0),
        kind=TaskKind.JOB,
    )
    identity = await bench.runtime.create(bench.cluster, job, bench.name("job"))
    assert await bench.runtime.logs(identity, 10) == ""
    await bench.runtime.start(identity)
    await bench.until(lambda found: found["job"].status is ContainerStatus.EXITED)
    assert await bench.runtime.logs(identity, 2) == "two\nthree\n"


async def test_a_command_inside(bench: Bench) -> None:
    identity = await bench.running("etcd")
    if bench.fake is not None:
        bench.fake.inside = lambda component, argv: (4, "hello\n")
    assert await bench.runtime.run_inside(identity, ("sh", "-c", "echo hello; exit 4"), 10) == (4, "hello\n")


async def test_no_command_runs_inside_a_stopped_container(bench: Bench) -> None:
    identity = await bench.made("etcd")
    with pytest.raises(RuntimeFailure):
        await bench.runtime.run_inside(identity, ("sh", "-c", "true"), 10)


async def test_events_tell_what_happened_since_they_were_asked_for(bench: Bench) -> None:
    events = bench.runtime.events()
    identity = await bench.running("etcd")
    await bench.runtime.rename(identity, bench.name("etcd-old"))
    await bench.runtime.stop(identity, 5)
    await bench.runtime.remove(identity)
    seen: list[RuntimeEvent] = []
    async with asyncio.timeout(20):
        async for event in events:
            if event.container_id == identity:
                seen.append(event)
            if event.action == "destroy" and event.container_id == identity:
                break
    assert {event.component for event in seen} == {"etcd"}
    told = [event.action for event in seen if event.action in ("create", "start", "rename", "die", "stop", "destroy")]
    assert sorted(told) == ["create", "destroy", "die", "rename", "start", "stop"]
    assert told[:3] == ["create", "start", "rename"]
    assert told[-1] == "destroy"


async def test_a_crash_is_an_event_with_its_exit_code(bench: Bench) -> None:
    events = bench.runtime.events()
    identity = await bench.made("etcd", script="exit 7", exit_code=7)
    await bench.runtime.start(identity)
    async with asyncio.timeout(20):
        async for event in events:
            if event.container_id == identity and event.action == "die":
                break
    assert event.exit_code == 7


async def test_labelled_containers_go_and_others_stay(bench: Bench) -> None:
    await bench.running("etcd")
    await bench.made("scheduler")
    kept = replace(bench.spec("kept"), image=bench.image)
    await bench.runtime.create(f"{bench.cluster}-other", kept, bench.name("kept"))
    assert await bench.runtime.remove_labelled(f"fairlead.cluster={bench.cluster}") == 2
    assert await bench.ours() == {}
    assert await bench.runtime.remove_labelled(f"fairlead.cluster={bench.cluster}-other") == 1
    assert await bench.runtime.remove_labelled(f"fairlead.cluster={bench.cluster}") == 0


@pytest.mark.parametrize("label", PROTECTED)
async def test_the_agent_and_a_controller_are_never_removed_by_label(bench: Bench, label: str) -> None:
    stack = f"stack={bench.mark}"
    kept = await bench.stranger("kept", {"stack": bench.mark, label: "true"})
    gone = await bench.stranger("gone", {"stack": bench.mark})
    assert await bench.runtime.remove_labelled(stack) == 1
    assert await bench.runtime.remove_labelled(f"{label}=true") == 0
    assert (await bench.is_there(kept), await bench.is_there(gone)) == (True, False)
    assert kept not in {held.id for held in await bench.runtime.containers()}, "it is nobody's orphan either"
    await bench.runtime.remove(kept)


async def test_a_start_that_fails_says_why_and_can_be_tried_again(bench: Bench) -> None:
    spec = replace(bench.spec("etcd"), entrypoint=("/bin/no-such-program",))
    identity = await bench.runtime.create(bench.cluster, spec, bench.name("etcd"))
    if bench.fake is not None:
        bench.fake.unstartable["etcd"] = 'exec: "/bin/no-such-program": no such file or directory'
    for _ in range(2):
        with pytest.raises(RuntimeFailure, match="no-such-program"):
            await bench.runtime.start(identity)
    assert (await bench.ours())["etcd"].status in (ContainerStatus.CREATED, ContainerStatus.EXITED)


async def test_a_bind_source_is_never_made_up(bench: Bench) -> None:
    source = f"/var/lib/fairlead-contract-{bench.mark}"
    if bench.fake is not None:
        bench.fake.missing_sources.add(source)
    spec = replace(bench.spec("etcd"), mounts=(Mount(source, "/data"),))
    with pytest.raises(RuntimeFailure, match=source):
        await bench.runtime.start(await bench.runtime.create(bench.cluster, spec, bench.name("etcd")))

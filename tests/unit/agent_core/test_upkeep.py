"""One node's agent on virtual time: what it brings up, keeps up, brings back."""

from __future__ import annotations

from dataclasses import replace

from fairlead_agent.runtime.port import ContainerStatus
from fairlead_testing.agent_bench import agent
from fairlead_testing.fake_runtime import Program
from fairlead_testing.tasks import assignment, job, reads, service, uses
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec, Subject
from fairlead_wire.task import OnChange, TaskState

ETCD = service("etcd", port=2379)
API = service("kube-apiserver", port=6443)
PROXY = service("api-proxy")
CERTIFICATE = CertificateSpec("/etc/kubernetes/pki/etcd.crt", "etcd", "node-1", "o", ("a",), ("10.0.0.1",), True, True)
CONFIG = FileSpec.of("/etc/kubernetes/kubelet.yaml", "a: 1")


def test_everything_that_can_start_at_once_does() -> None:
    async def main() -> None:
        async with agent("etcd:1", "kube-apiserver:1", "api-proxy:1") as bench:
            await bench.hold(assignment(ETCD, API, PROXY))
            await bench.until_healthy("etcd", "kube-apiserver")
            assert bench.steady() < 0.5
            assert len(bench.calls("create")) == 3
            await bench.until_healthy("api-proxy")
            assert bench.steady() < 1.5, "without a probe it counts once it has run for a second"

    virtually(main())


def test_files_and_certificates_come_before_the_container() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.host.refusals[CONFIG.path] = "The disk is full: make room."
            task = uses(reads(ETCD, CONFIG, OnChange.NONE), CERTIFICATE)
            await bench.hold(assignment(task, CONFIG, CERTIFICATE))
            seen = await bench.until_state("etcd", TaskState.PREPARING)
            await bench.until(lambda: "disk is full" in (bench.seen("etcd") or seen).message)
            assert not bench.calls("create")
            bench.host.refusals.clear()
            await bench.until_healthy("etcd")
            assert bench.host.files[CERTIFICATE.key_path].mode == 0o600
            assert bench.issuer.issued == [CERTIFICATE.path]

    virtually(main())


def test_a_certificate_is_renewed_at_half_of_its_life_and_nothing_restarts() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            certificate = replace(CERTIFICATE, days=1)
            await bench.hold(assignment(uses(ETCD, certificate), certificate))
            await bench.until_healthy("etcd")
            bench.forget()
            bench.ahead = 11 * 3600.0
            await bench.live(60)
            assert len(bench.issuer.issued) == 1
            bench.ahead = 12 * 3600.0
            await bench.until(lambda: len(bench.issuer.issued) == 2)
            assert not bench.calls("create", "start", "stop")

    virtually(main())


def test_a_restarted_agent_adopts_what_runs() -> None:
    async def main() -> None:
        async with agent("etcd:1", "kube-apiserver:1") as bench:
            await bench.hold(assignment(reads(ETCD, CONFIG, OnChange.SIGNAL, "SIGHUP"), API, CONFIG))
            await bench.until_healthy("etcd", "kube-apiserver")
            bench.forget()
            await bench.restart()
            await bench.until_healthy("etcd", "kube-apiserver")
            assert not bench.calls("create", "start", "stop", "rename", "remove", "set_restart", "run_inside")

    virtually(main())


def test_with_the_controller_away_what_is_lost_is_made_again() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(reads(ETCD, CONFIG, OnChange.NONE), CONFIG))
            await bench.until_healthy("etcd")
            bench.offline()
            first = bench.runtime.held("fairlead-etcd").id
            await bench.runtime.remove(first)
            del bench.host.files[CONFIG.path]
            await bench.until(lambda: CONFIG.path in bench.host.files)
            await bench.until(lambda: "fairlead-etcd" in bench.view.containers)
            await bench.until_healthy("etcd")
            assert bench.runtime.held("fairlead-etcd").id != first

    virtually(main())


def test_with_the_controller_away_nothing_new_begins() -> None:
    async def main() -> None:
        async with agent("etcd:1", "etcd:2") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            bench.offline()
            bench.forget()
            await bench.hold(assignment(service("etcd", "etcd:2", port=2379), revision=2))
            await bench.live(60)
            assert not bench.calls("create", "stop", "rename")
            seen = bench.seen("etcd")
            assert seen is not None
            assert (seen.state, seen.hash) == (TaskState.HEALTHY, ETCD.hash)
            assert "waits for the controller" in seen.message

    virtually(main())


def test_what_a_person_stopped_is_started_again() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            await bench.runtime.stop(bench.runtime.held("fairlead-etcd").id, 10)
            await bench.until(lambda: bench.runtime.held("fairlead-etcd").status is ContainerStatus.RUNNING)
            await bench.until_healthy("etcd")

    virtually(main())


def test_a_start_that_fails_is_tried_again_with_a_back_off() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.runtime.unstartable["etcd"] = "the port 2379 is taken"
            await bench.hold(assignment(ETCD))
            await bench.until(lambda: "port 2379 is taken" in getattr(bench.seen("etcd"), "message", ""))
            await bench.live(60)
            assert 4 < len(bench.calls("start")) < 20
            bench.runtime.unstartable.clear()
            await bench.until_healthy("etcd")
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_a_crash_at_start_shows_the_last_log_lines_and_recovers() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.runtime.programs["etcd"] = Program("panic: no such member\n", exit_code=2)
            bench.prober.unhealthy[2379] = "nobody answers at 127.0.0.1:2379"
            await bench.hold(assignment(ETCD))
            await bench.until(lambda: "panic: no such member" in getattr(bench.seen("etcd"), "message", ""))
            seen = bench.seen("etcd")
            assert seen is not None
            assert seen.state is TaskState.STARTING
            assert seen.restarts >= 2
            assert "exited with code 2" in seen.message
            await bench.until_state("etcd", TaskState.FAILED)
            assert 10 <= bench.steady() < 12, "its start timeout"
            bench.runtime.held("fairlead-etcd").program = Program()
            bench.prober.unhealthy.clear()
            await bench.until_healthy("etcd")
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_three_missed_probes_make_unhealthy_and_restart_nothing() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            bench.forget()
            began = bench.steady()
            bench.prober.unhealthy[2379] = "The disk is slow."
            seen = await bench.until_state("etcd", TaskState.UNHEALTHY)
            assert 10 < bench.steady() - began < 16
            assert "disk is slow" in seen.message
            bench.prober.unhealthy.clear()
            await bench.until_healthy("etcd")
            assert not bench.calls("create", "start", "stop")

    virtually(main())


def test_a_changed_file_is_told_by_a_signal_from_inside_once() -> None:
    async def main() -> None:
        async with agent("api-proxy:1") as bench:
            told: list[tuple[str, ...]] = []

            def inside(component: str, argv: tuple[str, ...]) -> tuple[int, str]:
                told.append(argv)
                return 0, ""

            bench.runtime.inside = inside
            task = reads(PROXY, CONFIG, OnChange.SIGNAL, "SIGHUP")
            await bench.hold(assignment(task, CONFIG))
            await bench.until_healthy("api-proxy")
            assert not told
            other = FileSpec.of(CONFIG.path, "a: 2")
            await bench.hold(assignment(task, other, revision=2))
            await bench.until(lambda: bool(told))
            await bench.live(60)
            assert told == [("/bin/sh", "-c", "kill -HUP 1")]
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_objects_wait_for_the_apiserver_and_are_kept() -> None:
    async def main() -> None:
        async with agent("kube-apiserver:1") as bench:
            spec = ObjectSpec.of("role/a", "/apis/a", "{}")
            bench.prober.unhealthy[6443] = "not yet"
            await bench.hold(assignment(API, spec))
            await bench.live(5)
            assert not bench.objects.applied
            bench.prober.unhealthy.clear()
            bench.objects.away = True
            await bench.live(8)
            bench.objects.away = False
            await bench.until(lambda: bool(bench.objects.applied))
            await bench.until(lambda: len(bench.objects.applied) == 3, seconds=200)
            assert 120 < bench.steady() < 150, "once a minute"
            seen = bench.seen("role/a", Subject.OBJECT)
            assert seen is not None
            assert seen.state is TaskState.HEALTHY

    virtually(main())


def test_a_job_runs_once_even_over_a_restart_of_the_agent() -> None:
    async def main() -> None:
        async with agent("snapshot:1") as bench:
            bench.runtime.programs["snapshot"] = Program("done\n", exit_code=0)
            await bench.hold(assignment(job("snapshot")))
            await bench.until_state("snapshot", TaskState.COMPLETED)
            await bench.runtime.remove(bench.runtime.held("fairlead-snapshot").id)
            await bench.restart()
            await bench.until_state("snapshot", TaskState.COMPLETED)
            await bench.live(60)
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_a_job_that_fails_says_why() -> None:
    async def main() -> None:
        async with agent("snapshot:1") as bench:
            bench.runtime.programs["snapshot"] = Program("no space left\n", exit_code=3)
            await bench.hold(assignment(job("snapshot")))
            await bench.until_state("snapshot", TaskState.FAILED)
            await bench.until(lambda: "no space left" in getattr(bench.seen("snapshot"), "message", ""))
            assert len(bench.calls("create")) == 1

    virtually(main())


def test_an_image_that_cannot_be_had_is_named() -> None:
    async def main() -> None:
        async with agent() as bench:
            await bench.hold(assignment(ETCD))
            seen = await bench.until_state("etcd", TaskState.FAILED)
            assert "etcd:1" in seen.message
            bench.runtime.registry.add("etcd:1")
            await bench.until_healthy("etcd")

    virtually(main())


def test_orphans_are_told_and_left_alone() -> None:
    async def main() -> None:
        async with agent("etcd:1", "kube-apiserver:1") as bench:
            await bench.hold(assignment(ETCD, API))
            await bench.until_healthy("etcd", "kube-apiserver")
            bench.forget()
            await bench.hold(assignment(ETCD, revision=2))
            await bench.until(lambda: bench.seen("fairlead-kube-apiserver", Subject.ORPHAN) is not None)
            await bench.live(60)
            assert not bench.calls("stop", "remove")

    virtually(main())


def test_policy_forbids_and_says_so() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            bench.policy.refused["etcd"] = "This node's policy allows no image etcd:1."
            await bench.hold(assignment(ETCD))
            seen = await bench.until_state("etcd", TaskState.FAILED)
            assert "policy" in seen.message
            assert not bench.calls("create")

    virtually(main())


def test_docker_away_is_survived() -> None:
    async def main() -> None:
        async with agent("etcd:1", "kube-apiserver:1") as bench:
            await bench.hold(assignment(ETCD, API))
            await bench.until_healthy("etcd", "kube-apiserver")
            bench.runtime.go_away()
            await bench.until(lambda: not bench.view.engine)
            seen = bench.seen("etcd")
            assert seen is not None
            assert seen.state is TaskState.HEALTHY, "its probe still answers"
            bench.runtime.come_back(live_restore=False)
            bench.runtime.held("fairlead-etcd").status = ContainerStatus.EXITED
            await bench.until(lambda: bench.runtime.held("fairlead-etcd").status is ContainerStatus.RUNNING)
            await bench.until_healthy("etcd", "kube-apiserver")
            assert len(bench.calls("create")) == 2

    virtually(main())


def test_a_full_disk_refuses_the_assignment_and_keeps_the_old_one() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.hold(assignment(ETCD))
            await bench.until_healthy("etcd")
            bench.full = True
            try:
                await bench.hold(assignment(API, revision=2))
            except OSError:
                assert bench.view.assignment.revision == 1
            else:
                raise AssertionError("an assignment that is not journaled must not be held")

    virtually(main())

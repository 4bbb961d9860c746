"""Who is first started after whom, and that nobody is kept down by it."""

from __future__ import annotations

from fairlead_testing.agent_bench import agent
from fairlead_testing.tasks import assignment, reads, service
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import TaskState

IMAGES = ("etcd:1", "kube-apiserver:1", "cri-dockerd:1", "kubelet:1", "flannel:1")
ETCD, API = service("etcd", port=2379), service("kube-apiserver", port=6443, seconds=180)
CRI, KUBELET, FLANNEL = service("cri-dockerd", port=1), service("kubelet", port=10248), service("flannel", port=2)
ALL = assignment(ETCD, API, CRI, KUBELET, FLANNEL)


def test_what_others_wait_for_is_started_before_them() -> None:
    async def main() -> None:
        async with agent(*IMAGES) as bench:
            bench.prober.unhealthy[6443] = "connection refused"
            await bench.hold(ALL)
            seen = await bench.until_state("kubelet", TaskState.PREPARING)
            await bench.live(5)
            assert [call.split()[1] for call in bench.calls("create")] == [
                "fairlead-etcd",
                "fairlead-kube-apiserver",
                "fairlead-cri-dockerd",
            ]
            seen = bench.seen("kubelet") or seen
            assert seen.message == "starts after kube-apiserver"
            bench.prober.unhealthy.clear()
            await bench.until_healthy("kubelet", "flannel")
            assert [call.split()[1] for call in bench.calls("create")][3:] == ["fairlead-kubelet", "fairlead-flannel"]

    virtually(main())


def test_what_stays_ill_keeps_nobody_down() -> None:
    async def main() -> None:
        async with agent(*IMAGES) as bench:
            bench.prober.unhealthy[6443] = "connection refused"
            await bench.hold(ALL)
            await bench.until_healthy("kubelet", "flannel")
            assert 30 < bench.steady() < 35

    virtually(main())


def test_what_can_not_come_keeps_nobody_down() -> None:
    async def main() -> None:
        async with agent(*(image for image in IMAGES if not image.startswith("kube-apiserver"))) as bench:
            await bench.hold(ALL)
            await bench.until_healthy("kubelet", "flannel")
            assert bench.steady() < 10, "the image that can't be pulled is not waited for"

    virtually(main())


def test_a_component_that_was_well_once_is_not_waited_for() -> None:
    async def main() -> None:
        async with agent(*IMAGES) as bench:
            await bench.hold(ALL)
            await bench.until_healthy("kubelet", "flannel")
            bench.prober.unhealthy[6443] = "connection refused"
            await bench.live(30)
            bench.forget()
            identity = bench.runtime.held("fairlead-kubelet").id
            await bench.runtime.remove(identity)
            await bench.until(lambda: bool(bench.calls("start")), seconds=2)

    virtually(main())


def test_a_restarted_agent_waits_for_nobody() -> None:
    async def main() -> None:
        async with agent(*IMAGES) as bench:
            bench.prober.unhealthy[6443] = "connection refused"
            await bench.hold(ALL)
            await bench.live(3)
            await bench.restart()
            await bench.until_healthy("kubelet")
            assert bench.steady() < 6

    virtually(main())


def test_files_of_a_cluster_that_left_are_looked_at_again() -> None:
    async def main() -> None:
        async with agent(*IMAGES) as bench:
            file = FileSpec.of("/etc/kubernetes/etcd.yaml", "a: 1")
            held = assignment(reads(ETCD, file), file)
            await bench.hold(held)
            await bench.until_healthy("etcd")
            await bench.hold(assignment(revision=2))
            del bench.host.files[file.path]
            await bench.hold(assignment(reads(ETCD, file), file, revision=3))
            await bench.until(lambda: file.path in bench.host.files)
            assert not [item for item in bench.happenings._waiting if item.kind == "file-restored"]

    virtually(main())

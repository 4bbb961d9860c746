"""Files and certificates: what comes first, and what others did to them."""

from __future__ import annotations

from fairlead_agent.instructions import IssueCertificates, WriteFile
from fairlead_agent.machine_events import files_changed
from fairlead_agent.machine_inputs import RESYNC_SECONDS
from fairlead_testing.agent_bench import agent
from fairlead_testing.tasks import assignment, reads, service, uses
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.task import OnChange

ETCD, FLANNEL = service("etcd", port=2379), service("flannel")
FILES = {name: FileSpec.of(f"/etc/kubernetes/{name}.yaml", name) for name in ("a", "b", "c", "d", "e", "etcd")}
CERTIFICATES = tuple(
    CertificateSpec(f"/etc/kubernetes/pki/{name}.crt", "cluster", "x", client=True)
    for name in ("etcd/peer", "etcd/server", "flannel/client")
)


def test_what_etcd_waits_for_is_written_first_and_its_certificates_wait_for_no_others() -> None:
    async def main() -> None:
        async with agent("etcd:1", "flannel:1") as bench:
            etcd = uses(uses(reads(ETCD, FILES["etcd"]), CERTIFICATES[0]), CERTIFICATES[1])
            flannel = uses(FLANNEL, CERTIFICATES[2])
            for name in "abcde":
                flannel = reads(flannel, FILES[name])
            await bench.hold(assignment(etcd, flannel, *FILES.values(), *CERTIFICATES))
            await bench.until_healthy("etcd", "flannel")
            written = [item.file.path for item in bench.instructions if isinstance(item, WriteFile)]
            assert written[0] == FILES["etcd"].path
            assert sorted(written) == sorted(file.path for file in FILES.values())
            asked = [{spec.path for spec in i.specs} for i in bench.instructions if isinstance(i, IssueCertificates)]
            assert asked == [{CERTIFICATES[0].path, CERTIFICATES[1].path}, {CERTIFICATES[2].path}]

    virtually(main())


def test_an_edit_that_is_told_is_undone_at_once_and_is_an_event() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            file = FILES["etcd"]
            await bench.hold(assignment(reads(ETCD, file, OnChange.NONE), file))
            await bench.until_healthy("etcd")
            began = bench.steady()
            bench.host.files[file.path].content = b"edited"
            bench.loop._put(files_changed)
            await bench.until(lambda: bench.host.files[file.path].content == file.content)
            assert bench.steady() - began < 0.5
            happening = await bench.happenings.next()
            assert happening.kind == "file-restored"
            assert file.path in happening.message

    virtually(main())


def test_an_edit_that_nobody_tells_is_undone_within_the_resync() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            file = FILES["etcd"]
            await bench.hold(assignment(reads(ETCD, file, OnChange.NONE), file))
            await bench.until_healthy("etcd")
            bench.host.files[file.path].mode = 0o777
            await bench.until(lambda: bench.host.files[file.path].mode == file.mode, seconds=RESYNC_SECONDS + 1)

    virtually(main())


def test_a_certificate_for_other_names_is_asked_for_anew_before_the_task_that_needs_it() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            first = CERTIFICATES[0]
            await bench.hold(assignment(uses(ETCD, first), first))
            await bench.until_healthy("etcd")
            before = bench.host.files[first.path].content
            other = CertificateSpec(first.path, "cluster", "x", dns_names=("node-1",), client=True)
            bench.offline()
            await bench.hold(assignment(uses(ETCD, other), other, revision=2))
            await bench.live(30)
            assert bench.host.files[first.path].content == before, "what is there has to do meanwhile"
            await bench.online()
            await bench.until(lambda: bench.host.files[first.path].content != before)

    virtually(main())

"""Files, directories and mounts of a host that is another mount namespace, and undoing them exactly."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.facts import FactsReader
from fairlead_agent.files import append_line
from fairlead_agent.host import LinuxHost
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.ledger import Ledger, clusters
from fairlead_testing.other_host import OtherHost
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.task import digest

CLUSTER = "lab"


def host_of(other: OtherHost, state: Path) -> LinuxHost:
    facts = FactsReader("192.0.2.1", "0.1.0")
    return LinuxHost(facts, lambda path: "", other.paths, other.mounts, state, random_mark=lambda: "mark")


@pytest.fixture
def host(other_host: OtherHost, tmp_path: Path) -> LinuxHost:
    return host_of(other_host, tmp_path / "state")


async def test_a_file_is_written_with_its_mode_and_read_back(host: LinuxHost, other_host: OtherHost) -> None:
    path = f"{other_host.top}/etc/kubernetes/a.yaml"
    assert (await host.file_digest(path), await host.file_mode(path)) == ("", 0)
    await host.write_file(FileSpec.of(path, "content", mode=0o640), CLUSTER)
    assert await host.file_digest(path) == digest(b"content")
    assert await host.file_mode(path) == 0o640
    assert await host.read_file(path) == b"content"
    assert not (Path(other_host.top) / "etc").exists(), "it was written in this namespace"


async def test_a_key_is_for_root_only_and_never_otherwise(host: LinuxHost, other_host: OtherHost) -> None:
    spec = CertificateSpec(f"{other_host.top}/pki/a.crt", "cluster", "a")
    old = os.umask(0)
    try:
        await host.write_key_and_certificate(spec, b"key", b"certificate", CLUSTER)
    finally:
        os.umask(old)
    assert (await host.file_mode(spec.key_path), await host.file_mode(spec.path)) == (0o600, 0o644)
    assert sorted(path.name for path in other_host.at("pki").iterdir()) == ["a.crt", "a.key"]


async def test_undoing_leaves_the_host_as_it_was(host: LinuxHost, other_host: OtherHost) -> None:
    there, link = other_host.at("etc/there"), other_host.at("etc/link")
    there.parent.mkdir()
    there.write_text("before")
    there.chmod(0o640)
    os.chown(there, 12, 34)
    link.symlink_to("there")
    for name in ("there", "link", "new", "made/for/it"):
        for content in ("first", "second"):
            await host.write_file(FileSpec.of(f"{other_host.top}/etc/{name}", content), CLUSTER)
    await host.make_directory(f"{other_host.top}/var/lib/etcd", CLUSTER)
    assert link.read_text() == "second"

    assert await host.undo_ledger(CLUSTER) == ()
    status = there.stat()
    assert (there.read_text(), oct(status.st_mode & 0o777), status.st_uid, status.st_gid) == ("before", "0o640", 12, 34)
    assert link.readlink() == Path("there")
    assert sorted(path.name for path in other_host.at("").rglob("*")) == ["etc", "link", "there"]
    assert await host.undo_ledger(CLUSTER) == ()


async def test_undoing_works_after_a_restart_and_goes_on_after_a_crash(
    host: LinuxHost, other_host: OtherHost, tmp_path: Path
) -> None:
    path = f"{other_host.top}/etc/there"
    other_host.at("etc").mkdir()
    other_host.at("etc/there").write_text("before")
    await host.write_file(FileSpec.of(path, "ours"), CLUSTER)
    again = host_of(other_host, tmp_path / "state")
    await again.write_file(FileSpec.of(path, "ours, later"), CLUSTER)
    ledger = Ledger(tmp_path / "state", CLUSTER)
    ledger.directory(f"{other_host.top}/never-made")
    append_line(tmp_path / "state/ledger/lab/entries", '{"kind": "file", "path": "/torn')
    assert clusters(tmp_path / "state") == (CLUSTER,)
    assert await again.undo_ledger(CLUSTER) == ()
    assert other_host.at("etc/there").read_text() == "before"
    assert clusters(tmp_path / "state") == ()


async def test_undoing_that_was_ended_amid_its_last_step_is_undone(
    host: LinuxHost, other_host: OtherHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved may be gone already, and all is restored by then."""
    other_host.at("etc").mkdir()
    other_host.at("etc/there").write_text("before")
    await host.write_file(FileSpec.of(f"{other_host.top}/etc/there", "ours"), CLUSTER)
    real = shutil.rmtree

    def ended(folder: Path) -> None:
        real(folder / "saved")
        raise OSError(errno.EIO, "the power is gone", str(folder))

    with monkeypatch.context() as power:
        power.setattr(shutil, "rmtree", ended)
        with pytest.raises(HostFailure):
            await host.undo_ledger(CLUSTER)
    again = host_of(other_host, tmp_path / "state")
    assert await again.undo_ledger(CLUSTER) == ()
    assert other_host.at("etc/there").read_text() == "before"
    assert clusters(tmp_path / "state") == ()


async def test_what_others_put_there_stays_and_is_told(host: LinuxHost, other_host: OtherHost) -> None:
    await host.write_file(FileSpec.of(f"{other_host.top}/etc/kubernetes/deep/ours", "x"), CLUSTER)
    other_host.at("etc/kubernetes/deep/theirs").write_text("x")
    stays = await host.undo_ledger(CLUSTER)
    assert stays == (f"{other_host.top}/etc stays: there are files in it that Fairlead did not write.",)
    assert [path.name for path in other_host.at("etc/kubernetes/deep").iterdir()] == ["theirs"]


async def test_clusters_are_undone_apart(host: LinuxHost, other_host: OtherHost) -> None:
    await host.write_file(FileSpec.of(f"{other_host.top}/one", "1"), "one")
    await host.write_file(FileSpec.of(f"{other_host.top}/two", "2"), "two")
    await host.undo_ledger("one")
    assert [path.name for path in other_host.at("").iterdir()] == ["two"]


async def test_a_shared_directory_is_a_shared_mount_once_and_undone(host: LinuxHost, other_host: OtherHost) -> None:
    path = f"{other_host.top}/kubelet"
    for _ in range(2):
        await host.make_directory(f"{path}:rshared", CLUSTER)
    assert other_host.mounted() == ["kubelet"]
    assert other_host.mounts.is_shared(path)
    other_host.at("kubelet/pod").mkdir()
    other_host.run("mount", "-t", "tmpfs", "none", f"{path}/pod")
    assert other_host.mounted() == ["kubelet", "kubelet/pod"]
    await host.undo_ledger(CLUSTER)
    assert other_host.mounted() == []


async def test_where_all_is_shared_nothing_is_mounted(host: LinuxHost, other_host: OtherHost) -> None:
    other_host.run("mount", "--make-rshared", other_host.top)
    await host.make_directory(f"{other_host.top}/kubelet:rshared", CLUSTER)
    assert other_host.mounted() == []


async def test_links_lead_where_they_lead_on_the_host(host: LinuxHost, other_host: OtherHost) -> None:
    other_host.at("data").mkdir()
    other_host.at("lib").symlink_to(f"{other_host.top}/data")
    await host.write_file(FileSpec.of(f"{other_host.top}/lib/deep/file", "x"), CLUSTER)
    assert other_host.at("data/deep/file").read_text() == "x"
    assert await host.read_file(f"{other_host.top}/lib/deep/file") == b"x"


@pytest.mark.parametrize("path", ["relative", "/etc/../root/x", "", "/../x"])
async def test_only_plain_absolute_paths(host: LinuxHost, path: str) -> None:
    with pytest.raises(HostFailure, match="absolute path"):
        await host.write_file(FileSpec.of(path, "x"), CLUSTER)


async def test_failures_say_what_to_do(host: LinuxHost, other_host: OtherHost) -> None:
    with pytest.raises(HostFailure, match="none is not there"):
        await host.read_file(f"{other_host.top}/none")
    other_host.at("folder").mkdir()
    with pytest.raises(HostFailure, match="is not a file; move it away"):
        await host.write_file(FileSpec.of(f"{other_host.top}/folder", "x"), CLUSTER)
    other_host.run("mount", "-t", "tmpfs", "-o", "size=16k", "none", f"{other_host.top}/folder")
    with pytest.raises(HostFailure, match="make room on that disk"):
        await host.write_file(FileSpec.of(f"{other_host.top}/folder/big", b"x" * 65536), CLUSTER)
    assert list(other_host.at("folder").iterdir()) == []
    with pytest.raises(HostFailure, match="only rshared"):
        await host.make_directory(f"{other_host.top}/x:private", CLUSTER)


async def test_the_boot_changes_with_the_marker_in_run(tmp_path: Path) -> None:
    marks = iter(["one", "two"])
    host = LinuxHost(
        FactsReader("192.0.2.1", "0.1.0"),
        lambda path: "",
        HostPaths(str(tmp_path)),
        state=tmp_path / "state",
        random_mark=lambda: next(marks),
    )
    (tmp_path / "run").mkdir()
    first = host.boot_id()
    assert host.boot_id() == first
    (tmp_path / "run/fairlead/boot").unlink()
    assert host.boot_id() != first

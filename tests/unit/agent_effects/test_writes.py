"""Files that are written together: each has its own end, and the disk is asked seldom."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.facts import FactsReader
from fairlead_agent.files import Draft, append_line, replace_files
from fairlead_agent.host import LinuxHost
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.ledger import Ledger
from fairlead_wire.assignment import FileSpec

CLUSTER = "lab"


@pytest.fixture
def host(tmp_path: Path) -> LinuxHost:
    (tmp_path / "root").mkdir()
    reader = FactsReader("192.0.2.1", "0.1.0")
    return LinuxHost(reader, lambda path: "", HostPaths(str(tmp_path / "root")), state=tmp_path / "state")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the disk was waited for."""
    counted: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        counted.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return counted


async def test_many_at_once_wait_once_each_and_once_together(host: LinuxHost, waits: list[int], tmp_path: Path) -> None:
    specs = [FileSpec.of(f"/etc/kubernetes/pki/{number}", f"content {number}") for number in range(20)]
    await asyncio.gather(*(host.write_file(spec, CLUSTER) for spec in specs))
    # 20 files, 3 directories into which something was put, the ledger's entries and its folder.
    assert len(waits) <= 20 + 3 + 1 + 2
    assert [(tmp_path / f"root{spec.path}").read_bytes() for spec in specs] == [spec.content for spec in specs]
    assert await host.undo_ledger(CLUSTER) == ()
    assert list((tmp_path / "root").iterdir()) == []


async def test_one_that_fails_takes_no_other_with_it(host: LinuxHost, tmp_path: Path) -> None:
    (tmp_path / "root/etc/taken").mkdir(parents=True)
    results = await asyncio.gather(
        host.write_file(FileSpec.of("/etc/good", "1"), CLUSTER),
        host.write_file(FileSpec.of("/etc/taken", "2"), CLUSTER),
        host.write_file(FileSpec.of("/etc/also", "3"), "other"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), HostFailure, type(None)]
    assert sorted(path.name for path in (tmp_path / "root/etc").iterdir()) == ["also", "good", "taken"]
    assert [entry.path for entry in Ledger(tmp_path / "state", "other").entries()] == ["/etc/also"]


async def test_who_is_cancelled_leaves_the_others_theirs(host: LinuxHost, tmp_path: Path) -> None:
    first = asyncio.create_task(host.write_file(FileSpec.of("/etc/first", "1"), CLUSTER))
    second = asyncio.create_task(host.write_file(FileSpec.of("/etc/second", "2"), CLUSTER))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 10)
    assert (tmp_path / "root/etc/second").read_text() == "2"


def test_a_draft_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    good, bad = Draft(tmp_path / "good", b"1", 0o600), Draft(tmp_path / "folder", b"2", 0o600)
    missing = Draft(tmp_path / "none/x", b"3", 0o600)
    errors = replace_files([bad, missing, good])
    assert [type(error) for error in errors] == [IsADirectoryError, FileNotFoundError, type(None)]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "good"]


async def test_who_has_no_time_left_ends_after_its_thread(
    host: LinuxHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads in one ledger would lose entries, and what they wrote could not be undone."""
    stalled, goes_on, real = threading.Event(), threading.Event(), os.fsync

    def fsync(handle: int) -> None:
        stalled.set()
        goes_on.wait(10)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    first = asyncio.create_task(host.write_file(FileSpec.of("/etc/first", "1"), CLUSTER))
    await asyncio.to_thread(stalled.wait, 10)
    first.cancel()
    second = asyncio.create_task(host.write_file(FileSpec.of("/etc/second", "2"), CLUSTER))
    done, _ = await asyncio.wait([first, second], timeout=0.1)
    assert not done
    goes_on.set()
    async with asyncio.timeout(10):
        await second
    assert first.cancelled()
    assert {entry.path for entry in Ledger(tmp_path / "state", CLUSTER).entries()} == {
        "/etc",
        "/etc/first",
        "/etc/second",
    }


def test_a_disk_that_takes_a_part_of_a_line_is_given_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, bytes(content)[:3]))
    append_line(tmp_path / "entries", "first\nsecond")
    append_line(tmp_path / "entries", "third")
    assert (tmp_path / "entries").read_text() == "first\nsecond\nthird\n"

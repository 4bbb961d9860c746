"""Snapshots on a node: verified, whole, the newest kept, and read by nothing but their names."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
from pathlib import Path

import pytest

from fairlead.agent.v1 import session_pb2, snapshots_pb2
from fairlead_agent import durable
from fairlead_agent.effects import HostFailure
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.instructed import Asked, Instructed
from fairlead_agent.relay_targets import AllowedTargets
from fairlead_agent.runtime.port import ContainerStatus
from fairlead_agent.snapshots import FOLDER, EtcdSnapshots
from fairlead_agent.view import Memory
from fairlead_controller.plan import certificates, paths, ports
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_testing.tasks import assignment, service
from fairlead_wire.assignment import FileSpec

ETCD = {"fairlead.component": "etcd", "fairlead.cluster": "lab"}
STATUS = {"hash": 596151635, "revision": 508, "totalKey": 278, "totalSize": 598016, "version": "3.7.0"}


class Tools:
    """etcdctl and etcdutl inside the fake container: the first writes the file, the second judges it."""

    def __init__(self, root: Path) -> None:
        self.root, self.content = root, b"snapshot"
        self.save_code, self.status_text = 0, f'{{"level":"info"}}\n{json.dumps(STATUS)}\n'
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, component: str, argv: tuple[str, ...]) -> tuple[int, str]:
        assert component == "etcd"
        self.calls.append(argv)
        if "save" in argv:
            Path(f"{self.root}{argv[-1]}").write_bytes(self.content)
            return self.save_code, "" if self.save_code == 0 else "{}\nError: context deadline exceeded\n"
        return (0, self.status_text) if self.status_text else (1, "Error: expected sha256 [1], got [2]\n")


class Node:
    def __init__(self, root: Path) -> None:
        (root / "var/lib/etcd").mkdir(parents=True)
        self.now, self.folder = 1000.0, Path(f"{root}{FOLDER}")
        self.runtime, self.tools = FakeRuntime(), Tools(root)
        self.runtime.inside = self.tools
        self.runtime.add("fairlead-etcd", ETCD)
        self.snapshots = EtcdSnapshots(self.runtime, HostPaths(str(root)), self.wall)

    def wall(self) -> float:
        self.now += 1
        return self.now

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_a_snapshot_says_what_is_in_it(node: Node) -> None:
    made = await node.snapshots.create("lab-20260724-101500", 10)
    assert (made.hash, made.revision, made.keys, made.etcd_version) == (596151635, 508, 278, "3.7.0")
    assert (made.sha256, made.size_bytes) == (hashlib.sha256(b"snapshot").hexdigest(), 8)
    assert await node.snapshots.all() == (made,)
    assert node.files() == {"lab-20260724-101500.db", "lab-20260724-101500.json"}
    assert node.folder.stat().st_mode & 0o777 == 0o700


async def test_etcds_own_tools_are_called_with_the_certificates_that_the_planner_planned(node: Node) -> None:
    await node.snapshots.create("lab-20260724-101500", 10)
    save, status = node.tools.calls
    assert save[:5] == (
        "/usr/local/bin/etcdctl",
        f"--endpoints={ports.url(ports.LOCAL, ports.ETCD_CLIENT)}",
        f"--cacert={paths.ETCD_AUTHORITY}",
        f"--cert={certificates.ETCD_OPERATOR}",
        f"--key={paths.key_of(certificates.ETCD_OPERATOR)}",
    )
    assert status[0] == "/usr/local/bin/etcdutl"
    assert save[-1] == status[3]
    assert save[-1].startswith(paths.ETCD_SNAPSHOTS)


async def test_the_newest_are_kept_and_those_of_another_cluster_too(node: Node) -> None:
    await node.snapshots.create("old-20250101-000000", 10)
    for second in range(4):
        await node.snapshots.create(f"lab-20260724-10150{second}", 2)
    left = [made.name for made in await node.snapshots.all()]
    assert left == ["lab-20260724-101503", "lab-20260724-101502", "old-20250101-000000"]
    assert len(node.files()) == 6


async def test_what_can_not_be_saved_or_verified_is_not_kept(node: Node) -> None:
    node.tools.save_code = 1
    with pytest.raises(HostFailure, match="context deadline exceeded"):
        await node.snapshots.create("lab-20260724-101500", 10)
    node.tools.save_code, node.tools.status_text = 0, ""
    with pytest.raises(HostFailure, match="can't be read again"):
        await node.snapshots.create("lab-20260724-101500", 10)
    assert node.files() == set()


async def test_a_file_that_nobody_verified_is_no_snapshot(node: Node) -> None:
    made = await node.snapshots.create("lab-20260724-101500", 10)
    (node.folder / "lab-20260724-101501.db").write_bytes(b"half")
    (node.folder / "lab-20260724-101502.json").write_text("{}")
    assert await node.snapshots.all() == (made,)


async def test_a_full_disk_at_the_last_moment_leaves_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        disk.setattr(durable, "write", full)
        with pytest.raises(HostFailure, match="make room on that disk"):
            await node.snapshots.create("lab-20260724-101500", 10)
    assert node.files() == set()


async def test_an_end_at_the_last_moment_leaves_nothing_large_and_the_next_one_clears_it(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, target: Path) -> Path:
        raise OSError(errno.EIO, "killed", str(target))

    with monkeypatch.context() as power:
        power.setattr(Path, "rename", killed)
        with pytest.raises(HostFailure, match="killed"):
            await node.snapshots.create("lab-20260724-101500", 10)
    assert node.files() == {"lab-20260724-101500.json"}
    assert await node.snapshots.all() == ()
    await node.snapshots.create("lab-20260724-101501", 10)
    assert node.files() == {"lab-20260724-101501.db", "lab-20260724-101501.json"}


async def test_a_clock_that_was_ahead_costs_no_new_snapshot(node: Node) -> None:
    for second in range(3):
        await node.snapshots.create(f"lab-20270101-00000{second}", 3)
    node.now -= 86_400.0
    await node.snapshots.create("lab-20260724-101500", 3)
    left = [made.name for made in await node.snapshots.all()]
    assert left == ["lab-20270101-000002", "lab-20270101-000001", "lab-20260724-101500"]


@pytest.mark.parametrize("name", ["", "lab", "../data", "lab-20260724-101500/../x", "lab-20260724-101500.db", "-x"])
async def test_names_are_names_and_no_paths(node: Node, name: str) -> None:
    with pytest.raises(HostFailure, match="can't be the name"):
        await node.snapshots.create(name, 10)
    with pytest.raises(HostFailure, match="there is no snapshot"):
        await AllowedTargets(snapshots=node.snapshots).connect(f"snapshot/{name}")
    assert node.tools.calls == []


async def test_a_relay_carries_the_whole_file(node: Node) -> None:
    node.tools.content = bytes(range(256)) * 40_000
    await node.snapshots.create("lab-20260724-101500", 10)
    reader, writer = await AllowedTargets(snapshots=node.snapshots).connect("snapshot/lab-20260724-101500")
    async with asyncio.timeout(20):
        assert await reader.read() == node.tools.content
    writer.close()
    await writer.wait_closed()


async def test_without_etcd_there_is_none(node: Node) -> None:
    node.runtime.held("fairlead-etcd").status = ContainerStatus.EXITED
    with pytest.raises(HostFailure, match="etcd does not run on this node"):
        await node.snapshots.create("lab-20260724-101500", 10)


async def test_instructions_end_with_a_result_or_a_sentence(node: Node) -> None:
    instructed, memory = Instructed(snapshots=node.snapshots), Memory()

    async def ask(**kind: object) -> session_pb2.InstructionResult:
        instruction = session_pb2.Instruction(id="1", **kind)  # type: ignore[arg-type]
        return await instructed.carry_out(Asked(instruction, memory))

    wanted = snapshots_pb2.CreateSnapshot(name="lab-20260724-101500", keep=3)
    assert (await ask(create_snapshot=wanted)).snapshots.snapshots[0].revision == 508
    assert len((await ask(list_snapshots=snapshots_pb2.ListSnapshots())).snapshots.snapshots) == 1
    refused = await ask(create_snapshot=snapshots_pb2.CreateSnapshot(name="/etc/passwd"))
    assert (refused.id, refused.error) == ("1", "'/etc/passwd' can't be the name of a snapshot.")
    assert "does not know that instruction" in (await ask()).error


async def test_what_is_held_is_shown_whole() -> None:
    held = assignment(service("etcd"), FileSpec.of("/etc/kubernetes/a", "secret", secret=True), revision=6)
    instruction = session_pb2.Instruction(id="1", show_assignment=session_pb2.ShowAssignment())
    result = await Instructed().carry_out(Asked(instruction, Memory(assignment=held)))
    shown = result.assignment
    assert (shown.results_in, shown.cluster, shown.tasks[0].component) == (6, "lab", "etcd")
    assert shown.files[0].content == b"secret"

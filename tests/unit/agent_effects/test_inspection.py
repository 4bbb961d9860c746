"""A look at this very machine: quick, bounded, sane, and nothing is left of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from fairlead_agent.facts import FactsReader
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.inspection import SECONDS, HostInspection
from fairlead_agent.inspection_answer import Inspector
from fairlead_agent.runtime.port import EngineInfo
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_wire.codec import from_message
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Inspection


def looking(runtime: FakeRuntime, tmp_path: Path, seconds: float = SECONDS, **parts: object) -> HostInspection:
    reader = FactsReader("192.0.2.1", "0.1.0", "192.0.2.11")

    async def facts() -> Facts:
        return await reader.read(runtime)

    return HostInspection(runtime, facts, state=tmp_path, seconds=seconds, **parts)  # type: ignore[arg-type]


async def test_this_machine(tmp_path: Path) -> None:
    begin = time.monotonic()
    found = await looking(FakeRuntime(), tmp_path).look()
    assert time.monotonic() - begin < SECONDS + 1
    assert found.gaps == ()
    assert found.facts.cpus > 0
    assert {"cpu", "memory", "pids"} <= set(found.cgroup_controllers)
    assert [disk.path for disk in found.disks] == ["/var/lib/docker", "/var/lib/etcd", "/var/lib/kubelet"]
    assert all(0 < disk.free_bytes <= disk.total_bytes for disk in found.disks)
    assert found.etcd_sync.samples > 0
    assert found.missing_features == ()
    assert any(route.device == "lo" for route in found.routes)
    assert found.engine.answers


async def test_with_docker_away_the_rest_is_still_seen(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.go_away()
    found = await looking(runtime, tmp_path).look()
    assert not found.engine.answers
    assert found.facts.docker_version == ""
    assert found.etcd_sync.samples > 0
    assert [gap.split(":")[0] for gap in found.gaps] == ["Docker"]


async def test_what_takes_too_long_is_told_and_waits_for_nobody(tmp_path: Path) -> None:
    class Slow(FakeRuntime):
        async def engine(self) -> EngineInfo:
            await asyncio.Event().wait()
            raise AssertionError

    begin = time.monotonic()
    found = await looking(Slow(), tmp_path, seconds=0.5).look()
    assert time.monotonic() - begin < 3
    assert "Docker: it took too long" in found.gaps
    assert "the host's facts: it took too long" in found.gaps


async def test_it_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "host"
    (root / "var/lib").mkdir(parents=True)
    await looking(FakeRuntime(), tmp_path / "state", paths=HostPaths(str(root))).look()
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*")) == ["var", "var/lib"]
    assert not (tmp_path / "state").exists()


async def test_the_report_has_the_node_s_clock_at_both_ends() -> None:
    times = iter((1000.0, 1002.5))

    async def look() -> Inspection:
        return Inspection(Facts("web-1"), swap_bytes=7)

    report = await Inspector(look, lambda: next(times)).report()
    assert (report.received_ms, report.sent_ms) == (1_000_000, 1_002_500)
    assert from_message(report.inspection, Inspection).swap_bytes == 7

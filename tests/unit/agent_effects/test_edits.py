"""An edit by somebody else is told at once; what the agent writes itself is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead_agent.effects import ChangeSource
from fairlead_agent.facts import FactsReader
from fairlead_agent.host import LinuxHost
from fairlead_agent.host_paths import HostPaths
from fairlead_wire.assignment import FileSpec


@pytest.fixture
def host(tmp_path: Path) -> LinuxHost:
    return LinuxHost(
        FactsReader("192.0.2.1", "0"), lambda path: "", HostPaths(str(tmp_path / "root")), state=tmp_path / "state"
    )


async def test_edits_by_others(host: LinuxHost, tmp_path: Path) -> None:
    assert isinstance(host, ChangeSource)
    (tmp_path / "root").mkdir()
    await host.write_file(FileSpec.of("/etc/one", "1"), "lab")
    told = host.changes()
    first = asyncio.ensure_future(anext(told))
    await asyncio.sleep(0)  # lets it begin to listen
    await host.write_file(FileSpec.of("/etc/one", "2"), "lab")
    await host.write_file(FileSpec.of("/etc/deep/two", "2"), "lab")
    await host.file_digest("/etc/three")
    (tmp_path / "root/etc/other").write_text("not ours")
    (tmp_path / "root/etc/deep/two").write_text("edited")
    async with asyncio.timeout(10):
        assert await first == "/etc/deep/two"
        (tmp_path / "root/etc/one").unlink()
        assert await anext(told) == "/etc/one"
        (tmp_path / "root/etc/three").write_text("made by somebody")
        assert await anext(told) == "/etc/three"
        (tmp_path / "root/etc/deep/two").unlink()
        (tmp_path / "root/etc/deep").rmdir()
        assert await anext(told) == "/etc/deep/two"
        await host.write_file(FileSpec.of("/etc/deep/two", "again"), "lab")
        (tmp_path / "root/etc/deep/two").chmod(0o777)
        assert await anext(told) == "/etc/deep/two"

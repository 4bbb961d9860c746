"""Real mount and network namespaces, as stand-ins for a host that is not the one of the tests."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fairlead_testing.other_host import OtherHost


@pytest.fixture
async def other_host(tmp_path: Path) -> AsyncIterator[OtherHost]:
    top = tmp_path / "host"
    top.mkdir()
    process = await asyncio.create_subprocess_exec(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        f"mount -t tmpfs none {top} && echo ready && exec sleep infinity",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
    yield OtherHost(process.pid, str(top))
    process.kill()
    await process.wait()


@pytest.fixture
def network() -> Iterator[tuple[str, ...]]:
    """The prefix that runs a command in a network namespace of its own."""
    name = f"fairlead-{secrets.token_hex(4)}"
    subprocess.run(("ip", "netns", "add", name), check=True, timeout=20)
    yield ("ip", "netns", "exec", name)
    subprocess.run(("ip", "netns", "delete", name), check=True, timeout=20)

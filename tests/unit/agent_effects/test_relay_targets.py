"""Relays reach what is on the list, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.relay_targets import AllowedTargets


async def test_a_target_on_the_list_is_connected() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await AllowedTargets({"apiserver": ("127.0.0.1", port)}).connect("apiserver")
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("target", ["", "127.0.0.1:22", "docker", "apiserver:22"])
async def test_others_are_refused(target: str) -> None:
    with pytest.raises(HostFailure, match="it knows: apiserver"):
        await AllowedTargets().connect(target)


async def test_one_that_does_not_answer() -> None:
    with pytest.raises(HostFailure, match=r"apiserver does not answer at 127\.0\.0\.1:1;"):
        await AllowedTargets({"apiserver": ("127.0.0.1", 1)}).connect("apiserver")

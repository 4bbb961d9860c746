"""One direction of a relay."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_controller.dispatch.lane import MOST_FRAMES, Lane
from fairlead_wire.errors import Unreachable


async def full() -> Lane:
    lane = Lane()
    for number in range(MOST_FRAMES):
        await lane.put(bytes([number]))
    return lane


async def test_a_full_lane_makes_its_writer_wait_until_there_is_room() -> None:
    lane = await full()
    writing = asyncio.create_task(lane.put(b"last"))
    await asyncio.sleep(0)
    assert not writing.done()
    assert await lane.get() == b"\0"
    await writing


async def test_what_waits_is_given_out_before_the_end() -> None:
    lane = await full()
    lane.end()
    assert [await lane.get() for _ in range(MOST_FRAMES + 2)] == [b"\0", b"\1", b"\2", b"\3", b"", b""]


async def test_a_reader_that_waits_learns_of_the_end() -> None:
    lane = Lane()
    reading = asyncio.create_task(lane.get())
    await asyncio.sleep(0)
    lane.end()
    assert await reading == b""


async def test_a_broken_lane_says_so_to_both_sides() -> None:
    lane = await full()
    writing = asyncio.create_task(lane.put(b"more"))
    await asyncio.sleep(0)
    lane.stop(Unreachable("The agent is gone."))
    with pytest.raises(Unreachable, match="gone"):
        await writing
    for _ in range(MOST_FRAMES):
        await lane.get()
    with pytest.raises(Unreachable, match="gone"):
        await lane.get()


async def test_nothing_is_written_behind_the_end() -> None:
    lane = Lane()
    lane.end()
    with pytest.raises(Unreachable, match="closed"):
        await lane.put(b"late")

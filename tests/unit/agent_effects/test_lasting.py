"""A part that ends in a way that nobody foresaw begins again, and only who cancels it ends it."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_agent.lasting import lasting

ENDS = (ValueError("unforeseen"), asyncio.CancelledError(), None)


async def test_it_begins_again_whatever_it_ends_with(caplog: pytest.LogCaptureFixture) -> None:
    ends, rests, running = list(ENDS), list[float](), asyncio.Event()

    async def work() -> None:
        if not ends:
            running.set()
            await asyncio.Event().wait()
        if (end := ends.pop(0)) is not None:
            raise end

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    task = asyncio.create_task(lasting("the connection", work, rest))
    async with asyncio.timeout(10):
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(rests) == len(ENDS)
    assert min(rests) > 1, "a failure that stays does not fill the log"
    assert "the connection failed in a way that nobody foresaw" in caplog.text
    assert "ValueError: unforeseen" in caplog.text
    assert "the connection was given up by a library" in caplog.text

"""One direction of a relay: frames between two sides that run at their own speed."""

from __future__ import annotations

import asyncio
from collections import deque

from fairlead_wire.errors import Unreachable

# With frames of 256 KiB a direction holds at most 1 MiB.
MOST_FRAMES = 4


class Lane:
    """A bounded queue with an end: the slower side sets the pace. One reader and one writer."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._ended = self._over = False
        self._failure: Unreachable | None = None
        self._changed = asyncio.Event()

    async def put(self, frame: bytes) -> None:
        """Returns once there is room. Raises Unreachable when nobody takes frames any more."""
        while len(self._frames) >= MOST_FRAMES and not self._over:
            await self._change()
        if self._over or self._ended:
            raise self._failure or Unreachable("The relay is closed.", "Open another one.")
        self._frames.append(frame)
        self._changed.set()

    async def get(self) -> bytes:
        """The next frame, empty at the end. Raises Unreachable if the relay broke before its end."""
        while not (self._frames or self._ended or self._over):
            await self._change()
        if self._frames:
            frame = self._frames.popleft()
            self._changed.set()
            return frame
        if self._failure is not None and not self._ended:
            raise self._failure
        return b""

    def end(self) -> None:
        """No more frames; those that wait are still given out."""
        self._ended = True
        self._changed.set()

    def stop(self, failure: Unreachable | None = None) -> None:
        """Nothing is taken any more, because it is closed or, with a failure, broken."""
        if not self._over:
            self._over, self._failure = True, failure
            self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

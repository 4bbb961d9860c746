"""What a container wrote: Docker's multiplexed frames taken apart, and the way to this process's own output.

A frame is a header of 8 bytes (1 for stdout or 2 for stderr, three of nothing, the length big-endian) and its bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from struct import Struct
from typing import BinaryIO

from fairlead_wire.errors import FairleadError

STDOUT, STDERR = 1, 2
_HEADER = Struct(">BxxxI")
_unpack = _HEADER.unpack_from
_HEAD = _HEADER.size


class Demultiplexer:
    """Takes frames apart, however they are cut into blocks."""

    def __init__(self) -> None:
        self._stream = 0
        self._missing = 0  # bytes of the current frame that are still to come
        self._head = b""

    @property
    def cut(self) -> bool:
        """Whether a frame has begun that is not whole yet."""
        return bool(self._missing or self._head)

    def feed(self, block: bytes) -> list[tuple[int, bytes]]:
        """What the block adds to which stream (1 stdout, 2 stderr), neighbours of the same one joined."""
        if self._head:
            block, self._head = self._head + block, b""
        end, at = len(block), min(self._missing, len(block))
        runs, parts, stream = [], [], self._stream
        if at:
            parts.append(block[:at])
            self._missing -= at
        last = end - _HEAD
        while at <= last:  # once a line: nothing in here that need not be
            kind, length = _unpack(block, at)
            if kind != stream:
                if parts:
                    runs.append((stream, b"".join(parts)))
                    parts = []
                stream = kind
            begin = at + 8
            at = begin + length
            parts.append(block[begin:at])
        if at > end:
            self._missing = at - end
        elif at < end:
            self._head = block[at:]
        if parts:
            runs.append((stream, b"".join(parts)))
        self._stream = stream
        return runs


class Sink:
    """Where the two streams go. Raises BrokenPipeError when nobody reads any more."""

    def __init__(self, stdout: BinaryIO, stderr: BinaryIO) -> None:
        self._files = {STDOUT: stdout, STDERR: stderr}

    @classmethod
    def standard(cls) -> Sink:
        """This process's own output."""
        return cls(sys.stdout.buffer, sys.stderr.buffer)

    def write(self, stream: int, data: bytes) -> None:
        """All of it, before it returns: that a slow reader slows the node's end of this stream is wanted."""
        file = self._files.get(stream, self._files[STDERR])
        file.write(data)
        file.flush()

    def close(self) -> None:
        """Nothing is left to write."""


class Output:
    """What one call's stream carries: frames, or with a terminal plain bytes."""

    def __init__(self, write: Callable[[int, bytes], None], terminal: bool) -> None:
        self._write = write
        self._frames = None if terminal else Demultiplexer()

    def feed(self, block: bytes) -> None:
        if self._frames is None:
            self._write(STDOUT, block)
            return
        for stream, data in self._frames.feed(block):
            self._write(stream, data)

    def close(self) -> None:
        """Raises FairleadError if it ended within a frame."""
        if self._frames is not None and self._frames.cut:
            raise FairleadError("The stream ended in the middle of a line.", "Read it again.")

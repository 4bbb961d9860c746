"""Where an HTTP answer of the Engine ends: after its last chunk, after so many bytes, or with its connection. Pure.

`http.client` takes chunks apart one call each, and Docker makes one of each line of a log: that is three times as slow
as Docker itself. Here a block with hundreds of chunks is taken apart at once.
"""

from __future__ import annotations

from typing import Protocol

_LINE_END = b"\r\n"
_LONGEST_SIZE_LINE = 64


class Malformed(Exception):
    """It is no such answer."""


class Framing(Protocol):
    """`ended`: all of the answer was seen; `may_break`: its connection must not end before."""

    ended: bool
    may_break: bool

    def take(self, data: bytes) -> bytes:
        """What `data`, as it came from the socket, has of the answer. Raises Malformed."""
        ...


class Endless:
    """The answer ends where the connection does."""

    def __init__(self) -> None:
        self.ended, self.may_break = False, True

    def take(self, data: bytes) -> bytes:
        return data


class Counted:
    """An answer of `length` bytes."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended, self.may_break = length == 0, False

    def take(self, data: bytes) -> bytes:
        taken = data[: self._left]
        self._left -= len(taken)
        self.ended = self._left == 0
        return taken


class Chunked:
    """The chunked transfer coding (RFC 9112, section 7.1). Trailers are not looked at."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a size line
        self._left = 0  # bytes of the current chunk that are still to come, with the line end after it
        self.ended, self.may_break = False, False

    def take(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = self._go_on(data, pieces) if self._left else 0
        while not (self._left or self.ended):  # no calls in here: a megabyte of short lines has a thousand turns
            end = data.find(_LINE_END, at)
            if end < 0:
                self._keep(data[at:])
                break
            size = _size(data[at:end])
            at, self.ended = end + 2, size == 0
            if size:
                pieces.append(data[at : at + size])
                at += size + 2
                self._left = max(0, at - len(data))
        return b"".join(pieces)

    def _go_on(self, data: bytes, pieces: list[bytes]) -> int:
        """The chunk that began in an earlier block."""
        pieces.append(data[: max(0, self._left - len(_LINE_END))])
        passed = min(self._left, len(data))
        self._left -= passed
        return passed

    def _keep(self, rest: bytes) -> None:
        if len(rest) > _LONGEST_SIZE_LINE:
            raise Malformed(f"{rest[:20]!r} is no size of a chunk")
        self._rest = rest


def _size(line: bytes) -> int:
    try:
        return int(line, 16)
    except ValueError:
        pass
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise Malformed(f"{line[:20]!r} is no size of a chunk") from None

"""What is in the Engine's streaming answers. Each generator closes its answer on the thread that reads it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Protocol


class Answer(Protocol):
    """The part of a streamed `requests.Response` that is used here."""

    @property
    def raw(self) -> Any: ...

    def iter_lines(self, chunk_size: int) -> Iterator[Any]: ...

    def close(self) -> None: ...


_FRAME_HEADER = struct.Struct(">BxxxL")
"""Docker's multiplexed streams: 1 byte which stream, 3 of nothing, 4 the length, then the bytes."""


def json_lines(answer: Answer) -> Iterator[Any]:
    """One value a line: events, the progress of a pull."""
    try:
        for line in answer.iter_lines(chunk_size=1024):
            if line:
                yield json.loads(line)
    finally:
        answer.close()


def frames(answer: Answer) -> Iterator[bytes]:
    """The bytes of both output streams of a command, in the order in which they came."""
    try:
        while len(header := answer.raw.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size:
            yield answer.raw.read(_FRAME_HEADER.unpack(header)[1])
    finally:
        answer.close()

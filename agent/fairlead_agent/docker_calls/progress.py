"""Docker's JSON of a pull or a build, one object a line: passed on as it is, up to the line that says what failed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator

from fairlead_agent.runtime.failures import from_answer
from fairlead_agent.runtime.people_port import EngineStream
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_wire.docker_calls import BLOCK_BYTES

_SAYS_ERROR = b'"error"'
"""Within a string of JSON its quotes have backslashes, so what a build prints can't look so."""
LONGEST_LINE = 1024 * 1024


class Progress:
    """Blocks go in, whole lines come out; `failure` is set by the line that tells of one."""

    def __init__(self) -> None:
        self._rest = b""
        self.failure: RuntimeFailure | None = None

    def take(self, block: bytes) -> bytes:
        """What may be passed on now."""
        held = self._rest + block
        end = held.rfind(b"\n") + 1
        if not end and len(held) > LONGEST_LINE:
            end = len(held)
        lines, self._rest = held[:end], held[end:]
        return self._until_failure(lines)

    def last(self) -> bytes:
        """What is left when no more blocks come."""
        lines, self._rest = self._rest, b""
        return self._until_failure(lines)

    def _until_failure(self, lines: bytes) -> bytes:
        if _SAYS_ERROR not in lines:
            return lines
        at = 0
        for line in lines.splitlines(keepends=True):
            if _SAYS_ERROR in line and (failure := _failure(line)) is not None:
                self.failure = failure
                return lines[:at]
            at += len(line)
        return lines


async def passed_on(stream: EngineStream) -> AsyncGenerator[bytes, None]:
    """The lines as they come. Raises RuntimeFailure with the reason when Docker tells of a failure."""
    progress = Progress()
    while block := await stream.read():
        for piece in _pieces(progress.take(block)):
            yield piece
        if progress.failure is not None:
            raise progress.failure
    for piece in _pieces(progress.last()):
        yield piece
    if progress.failure is not None:
        raise progress.failure


def _pieces(lines: bytes) -> Iterator[bytes]:
    """What a whole line has added to a block may be too much for one frame."""
    for start in range(0, len(lines), BLOCK_BYTES):
        yield lines[start : start + BLOCK_BYTES]


def _failure(line: bytes) -> RuntimeFailure | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or "error" not in told:
        return None
    detail = told.get("errorDetail") or {}
    return from_answer(None, str(detail.get("message") or told["error"]))

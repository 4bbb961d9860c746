"""The narrow interface between people's Docker commands and Docker, beside `port.py`, which is for components.

It carries Docker's own requests and answers: what they mean is decided in `fairlead_agent.docker_calls`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from fairlead_wire.docker_calls import BLOCK_BYTES

SHORT_SECONDS = 30.0
"""How long the Engine may be silent in a call that asks for no time."""


@dataclass(frozen=True)
class EngineRequest:
    """One request to the Engine. `path` begins with "/" and has no version; a sequence in `query` is a repeated key.

    `seconds`: how long the Engine may take to begin its answer. `hijack`: the connection becomes plain bytes both ways.
    `repository`: whose registry's credentials the Engine gets, if this node's Docker has any; with `registries` all
    that it has, for base images of a build.
    """

    method: str
    path: str
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Any = None
    seconds: float = SHORT_SECONDS
    hijack: bool = False
    repository: str = ""
    registries: bool = False


class EngineStream(Protocol):
    """An open connection to the Engine. Leaving `async with` closes its socket at once."""

    async def read(self, most: int = BLOCK_BYTES) -> bytes:
        """The next bytes as Docker wrote them, b"" at the end. Raises EngineAway when it ended before its end."""
        ...

    async def write(self, data: bytes) -> None:
        """Returns once Docker has room for more. Raises OSError when it takes no more."""
        ...

    def end(self) -> None:
        """No more bytes are written; reading goes on."""
        ...

    def close(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PeopleEngine(Protocol):
    """Everything may raise EngineAway, and RuntimeFailure with Docker's sentence and status."""

    async def ask(self, request: EngineRequest) -> Any:
        """A short call: the JSON of its answer, None if that is empty."""
        ...

    async def open(self, request: EngineRequest, body: AsyncIterator[bytes] | None = None) -> EngineStream:
        """Returns once the answer begins; `body` is sent as it comes. To cancel it closes the socket."""
        ...

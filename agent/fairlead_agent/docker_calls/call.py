"""What a handler gets: one call of DockerService, and how it asks Docker."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.protobuf.message import Message

from fairlead_agent.runtime.people_port import EngineRequest, EngineStream, PeopleEngine
from fairlead_wire.errors import Invalid

_CONTAINER = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]*")
_IMAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./:@-]*[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Call:
    """`node`: its name; `admin`: whether the caller may see values of environment variables; `more`: the requests
    after the first, for methods whose clients stream."""

    engine: PeopleEngine
    node: str
    admin: bool
    more: AsyncIterator[Any]

    async def get(self, path: str, **query: str | Sequence[str]) -> Any:
        return await self.engine.ask(EngineRequest("GET", path, query))

    async def post(self, path: str, body: Any = None, **query: str | Sequence[str]) -> Any:
        return await self.engine.ask(EngineRequest("POST", path, query, body))

    async def do(self, request: EngineRequest) -> Any:
        """As `get` and `post`, for what may take long; it is left at once when the caller goes away."""
        return await whole(await self.engine.open(request))

    async def container(self, reference: str) -> Mapping[str, Any]:
        """All about a container, by its name, its identifier or the beginning of that."""
        return await self.get(f"{container_path(reference)}/json")  # type: ignore[no-any-return]


Handler = Callable[[Call, Any], AsyncGenerator[Message, None]]
"""From the first request to the answers."""


def answers_once(answer: Callable[[Call, Any], Awaitable[Message]]) -> Handler:
    """A handler that gives one answer."""

    async def handler(call: Call, request: Any) -> AsyncGenerator[Message, None]:
        yield await answer(call, request)

    return handler


async def whole(stream: EngineStream) -> Any:
    """The JSON of an answer that may take long to come, None if it is empty."""
    async with stream:
        answer = bytearray()
        while data := await stream.read():
            answer += data
    return json.loads(answer) if answer.strip() else None


def container_path(reference: str) -> str:
    """Raises Invalid for what can be no name or identifier of a container."""
    if not is_container_name(reference):
        raise Invalid(
            f"{reference[:80]!r} is no name or identifier of a container.",
            "Write one of those that `fairlead docker ps --all` shows.",
        )
    return f"/containers/{reference.lstrip('/')}"


def is_container_name(reference: str) -> bool:
    """Whether it can be a name or an identifier of a container."""
    return _CONTAINER.fullmatch(reference) is not None


def image_path(reference: str) -> str:
    """Raises Invalid for what can be no reference or identifier of an image."""
    if not _IMAGE.fullmatch(reference) or ".." in reference or "//" in reference:
        raise Invalid(
            f"{reference[:80]!r} is no reference or identifier of an image.",
            "Write one of those that `fairlead docker images` shows, or REPOSITORY[:TAG].",
        )
    return f"/images/{quote(reference, safe='/:@')}"


def repository_and_tag(reference: str) -> tuple[str, str]:
    """REPOSITORY[:TAG] taken apart, the tag "latest" if there is none. Raises Invalid."""
    image_path(reference)
    if "@" in reference:
        raise Invalid(f"{reference[:80]!r} has a digest.", "Write REPOSITORY[:TAG].")
    head, slash, last = reference.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag or "latest"


def flag(value: bool) -> str:
    return "1" if value else "0"

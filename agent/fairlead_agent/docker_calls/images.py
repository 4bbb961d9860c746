"""`docker pull`, and `docker build` with the classic builder: the one that needs nothing but the Engine."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call, flag, image_path, repository_and_tag
from fairlead_agent.docker_calls.progress import passed_on
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_wire.errors import FairleadError, Invalid, Refused

SILENT_SECONDS = 300.0
"""A registry that hangs; and a context that the Engine has to unpack on a slow disk before it says a word."""
_UNKNOWN = "unknown instruction"
_HEREDOC = re.compile(
    rb"""^\{"stream":"Step (\d+)/\d+ : (?:RUN|COPY|ADD) (?:.*\s)?"""
    rb"""\d*(?:<|\\u003c){2}-?(\\"|')?[A-Za-z_]\w*\2?(?=\s|")""",
    re.MULTILINE,
)
"""As Docker tells of a step: JSON in which "<" is \\u003c."""
_WITHOUT = (
    "Take out what needs it (RUN --mount, COPY --chmod or --link, heredocs), or build the image elsewhere and load it "
    "on the node."
)


async def pull(call: Call, request: docker_pb2.PullImageRequest) -> AsyncGenerator[docker_pb2.PullImageResponse, None]:
    repository, tag = _source(request.reference)
    query = {"fromImage": repository, "tag": tag}
    asked = EngineRequest("POST", "/images/create", query, seconds=SILENT_SECONDS, repository=repository)
    async with await call.engine.open(asked) as stream, aclosing(passed_on(stream)) as blocks:
        async for block in blocks:
            yield docker_pb2.PullImageResponse(data=block)


async def build(call: Call, target: docker_pb2.BuildTarget) -> AsyncGenerator[docker_pb2.BuildImageResponse, None]:
    """The context goes on to the Engine as it comes."""
    asked = EngineRequest("POST", "/build", _query(target), seconds=SILENT_SECONDS, registries=True)
    try:
        async with await call.engine.open(asked, _context(call.more)) as stream, aclosing(passed_on(stream)) as blocks:
            async for block in blocks:
                _check_heredoc(block)
                yield docker_pb2.BuildImageResponse(data=block)
    except RuntimeFailure as failure:
        raise _explained(failure) from None


def _source(reference: str) -> tuple[str, str]:
    """As the Engine takes it: a digest stands where the tag would."""
    image_path(reference)
    repository, at, digest = reference.partition("@")
    return (repository, digest) if at else repository_and_tag(reference)


def _query(target: docker_pb2.BuildTarget) -> dict[str, str | list[str]]:
    for reference in target.tags:
        repository_and_tag(reference)
    query: dict[str, str | list[str]] = {
        "t": list(target.tags),
        "dockerfile": target.dockerfile,
        "target": target.target,
        "networkmode": target.network,
        "buildargs": json.dumps(dict(target.arguments)),
        "labels": json.dumps(dict(target.labels)),
        "nocache": flag(target.no_cache),
        "pull": "1" if target.pull else "",
        "rm": "1",
        "forcerm": "1",
        "version": "1",
    }
    return {key: value for key, value in query.items() if value}


async def _context(more: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for request in more:
        if request.WhichOneof("frame") != "data":
            raise Invalid("After the target of a build come only blocks of its context.", "Send the target once.")
        if request.data:
            yield request.data


def _check_heredoc(lines: bytes) -> None:
    """Raises Refused at a step with a heredoc: newer Engines read it, and their classic builder drops its content."""
    if found := _HEREDOC.search(lines):
        raise Refused(
            f"This Dockerfile has a heredoc (step {found.group(1).decode()}), which needs BuildKit, and that is not "
            "available here.",
            _WITHOUT,
        )


def _explained(failure: RuntimeFailure) -> FairleadError | RuntimeFailure:
    """The Engine's own sentence refers to pages about a builder that can't be had over this way."""
    text = str(failure)
    if "buildkit" in text.lower():
        return Refused(
            f"This Dockerfile needs BuildKit, which is not available here: {text.partition('. Refer to ')[0]}.",
            _WITHOUT,
        )
    if _UNKNOWN in text.lower():
        return Invalid(
            f"The Dockerfile can't be read: {text}.",
            "Correct that line; if it belongs to a heredoc (<<), that needs BuildKit, which is not available here.",
        )
    return failure

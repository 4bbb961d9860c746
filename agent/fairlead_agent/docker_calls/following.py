"""Logs of a container and events of the Engine, passed on in blocks as Docker gives them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call, flag
from fairlead_agent.docker_calls.reading import filters
from fairlead_agent.runtime.people_port import EngineRequest


async def read_logs(
    call: Call, request: docker_pb2.ReadLogsRequest
) -> AsyncGenerator[docker_pb2.ReadLogsResponse, None]:
    found = await call.container(request.container)
    query = {
        "stdout": "1",
        "stderr": "1",
        "follow": flag(request.follow),
        "tail": "all" if request.tail < 0 else str(request.tail),
        "timestamps": flag(request.timestamps),
        **_span(request.since, request.until),
    }
    async with await call.engine.open(EngineRequest("GET", f"/containers/{found['Id']}/logs", query)) as stream:
        yield docker_pb2.ReadLogsResponse(terminal=found["Config"]["Tty"])
        while block := await stream.read():
            yield docker_pb2.ReadLogsResponse(data=block)


async def watch_events(
    call: Call, request: docker_pb2.WatchDockerEventsRequest
) -> AsyncGenerator[docker_pb2.WatchDockerEventsResponse, None]:
    query = {"filters": filters(request.filters), **_span(request.since, request.until)}
    async with await call.engine.open(EngineRequest("GET", "/events", query)) as stream:
        while block := await stream.read():
            yield docker_pb2.WatchDockerEventsResponse(data=block)


def _span(since: float, until: float) -> dict[str, str]:
    """Docker's times, with nanoseconds; 0 for none."""
    return {key: f"{moment:.9f}" for key, moment in (("since", since), ("until", until)) if moment}

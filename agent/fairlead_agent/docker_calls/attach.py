"""`docker attach`, and with `start` the second half of `docker run`: attached before it starts, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call, flag, whole
from fairlead_agent.docker_calls.changing import start_request
from fairlead_agent.docker_calls.dialogue import Dialogue, resizer
from fairlead_agent.runtime.people_port import EngineRequest, EngineStream
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_wire.errors import Refused

Response = docker_pb2.AttachContainerResponse


async def attach(call: Call, target: docker_pb2.AttachTarget) -> AsyncGenerator[Response, None]:
    """Without an exit code at the end, the client has let go and the container runs on."""
    found = await call.container(target.container)
    if not target.start and not found["State"]["Running"]:
        raise Refused(
            "One can't attach to a container that does not run.",
            f"Start it first with `fairlead docker start --node {call.node} {target.container}`.",
        )
    path, terminal = f"/containers/{found['Id']}", found["Config"]["Tty"]
    async with AsyncExitStack() as stack:
        stream = await stack.enter_async_context(await call.engine.open(_attached(path, target.stdin)))
        # Asked for before it starts: one that ends at once, or is removed when it ends, has no exit code afterwards.
        waiting = await stack.enter_async_context(await call.engine.open(_end(path, found, target.start)))
        if target.start:
            await call.do(start_request(found["Id"]))
        yield Response(terminal=terminal)
        resize = resizer(call, path)
        sizing = asyncio.ensure_future(resize(target.size))
        stack.callback(sizing.cancel)
        dialogue = Dialogue(stream, call.more, resize, stdin=target.stdin, terminal=terminal)
        async with aclosing(dialogue.output()) as output:
            async for block in output:
                yield Response(data=block)
        if not (terminal and dialogue.detached and await _runs(call, path)):
            yield Response(exit_code=await _exit_code(waiting))


def _attached(path: str, stdin: bool) -> EngineRequest:
    query = {"stream": "1", "stdin": flag(stdin), "stdout": "1", "stderr": "1"}
    return EngineRequest("POST", f"{path}/attach", query, hijack=True)


def _end(path: str, found: Mapping[str, Any], starts: bool) -> EngineRequest:
    begins = "removed" if found["HostConfig"].get("AutoRemove") else "next-exit"
    condition = begins if starts else "not-running"
    return EngineRequest("POST", f"{path}/wait", {"condition": condition})


async def _runs(call: Call, path: str) -> bool:
    try:
        return bool((await call.get(f"{path}/json"))["State"]["Running"])
    except RuntimeFailure as failure:
        if failure.status == 404:
            return False
        raise


async def _exit_code(waiting: EngineStream) -> int:
    ended = await whole(waiting)
    if problem := (ended.get("Error") or {}).get("Message"):
        raise RuntimeFailure(problem)
    return int(ended["StatusCode"])

"""`docker exec`: a command in a container that runs, with its input, its output and its exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call
from fairlead_agent.docker_calls.dialogue import Dialogue, resizer
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_wire.errors import Invalid

Response = docker_pb2.ExecContainerResponse
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.02, 1.0
"""Docker ends the output a moment before it knows the exit code; a program that has closed its output runs on."""


async def execute(call: Call, target: docker_pb2.ExecTarget) -> AsyncGenerator[Response, None]:
    """Fairlead's own containers too: only admins get here, and to look into them is what they need in an emergency.

    Without an exit code at the end, the client has let go and the command runs on.
    """
    if not target.command:
        raise Invalid("There is no command.", "Write the command after the container.")
    found = await call.container(target.container)
    made = await call.post(f"/containers/{found['Id']}/exec", _body(target))
    path = f"/exec/{made['Id']}"
    if target.detach:
        await call.post(f"{path}/start", {"Detach": True, "Tty": target.terminal})
        yield Response(terminal=target.terminal)
        yield Response(exit_code=0)
        return
    how = {"Detach": False, "Tty": target.terminal, **_size(target)}
    start = EngineRequest("POST", f"{path}/start", body=how, hijack=True)
    async with AsyncExitStack() as stack:
        stream = await stack.enter_async_context(await call.engine.open(start))
        yield Response(terminal=target.terminal)
        resize = resizer(call, path)
        if target.terminal:
            sizing = asyncio.ensure_future(resize(target.size))
            stack.callback(sizing.cancel)
        dialogue = Dialogue(stream, call.more, resize, stdin=target.stdin, terminal=target.terminal)
        async with aclosing(dialogue.output()) as output:
            async for block in output:
                yield Response(data=block)
        may_run_on = target.terminal and dialogue.detached
        if (code := await _exit_code(call, path, may_run_on)) is not None:
            yield Response(exit_code=code)


def _body(target: docker_pb2.ExecTarget) -> dict[str, Any]:
    return {
        "AttachStdin": target.stdin and not target.detach,
        "AttachStdout": not target.detach,
        "AttachStderr": not target.detach,
        "Tty": target.terminal,
        "Cmd": list(target.command),
        "Env": list(target.environment),
        "User": target.user,
        "WorkingDir": target.working_directory,
        "Privileged": target.privileged,
        **_size(target),
    }


def _size(target: docker_pb2.ExecTarget) -> dict[str, Any]:
    """Engines before 23.0 do not know it, and are told by a resize once the command runs."""
    known = target.terminal and target.size.rows > 0 and target.size.columns > 0
    return {"ConsoleSize": [target.size.rows, target.size.columns]} if known else {}


async def _exit_code(call: Call, path: str, may_run_on: bool) -> int | None:
    pause = _FIRST_LOOK_SECONDS
    while True:
        ended = await call.get(f"{path}/json")
        if not ended["Running"]:
            return int(ended["ExitCode"])
        if may_run_on:
            return None
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LOOK_SECONDS)

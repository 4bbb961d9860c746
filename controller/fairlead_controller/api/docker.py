"""DockerService: passes calls on to the agents of their nodes, without looking into what it carries.

Only the first request of a call is read here, for the node and the audit trail. Everything after it and all answers
stay the bytes that they are, so a block of a log is never taken apart on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead_controller.api import audit
from fairlead_controller.api.access import principal
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import NODES, missing, name_in
from fairlead_controller.handlers import handler
from fairlead_controller.model.node import Node
from fairlead_controller.ports import RelayPipe
from fairlead_wire.docker_calls import CHANGES, FRAME_BYTES, RELAY_TARGET, SERVICE
from fairlead_wire.docker_messages import METHODS, REQUESTS, asked
from fairlead_wire.errors import BY_CODE, FairleadError, Invalid, Unreachable
from fairlead_wire.identity import Role

OPEN_SECONDS = 10.0


class DockerService:
    """Handlers of all its methods; requests and answers are serialised messages on both sides."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def handlers(self) -> grpc.GenericRpcHandler:
        made = {method.name: self._handler(method) for method in METHODS}
        return grpc.method_handlers_generic_handler(SERVICE, made)

    def _handler(self, method: Any) -> Any:
        name = method.name

        async def one(request: bytes, context: Any) -> bytes:
            async with aclosing(self._call(name, request)) as answers:
                async for answer in answers:
                    return answer
            raise FairleadError(f"The agent gave no answer to {name}.", "Bring the agent to this controller's release.")

        async def from_one(request: bytes, context: Any) -> AsyncIterator[bytes]:
            async with aclosing(self._call(name, request)) as answers:
                async for answer in answers:
                    yield answer

        async def from_many(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            more = aiter(requests)
            async with aclosing(self._call(name, await anext(more, b""), more)) as answers:
                async for answer in answers:
                    yield answer

        behaviour: Any = from_many if method.client_streaming else from_one if method.server_streaming else one
        return handler(method.client_streaming, method.server_streaming, behaviour)

    async def _call(self, method: str, first: bytes, more: AsyncIterator[bytes] | None = None) -> AsyncGenerator[bytes]:
        subject = _subject(method, first)
        node = await self._node(subject.node)
        if CHANGES[method]:
            await self._record(method, subject, node)
        frame_up = _frame(method, first)  # before there is a pipe: it may be too large
        pipe = await self._parts.relays.open(node.id, RELAY_TARGET, OPEN_SECONDS)
        upwards = asyncio.create_task(_pass_on(frame_up, more, pipe))
        try:
            while frame := await pipe.read():
                answer = agent_pb2.DockerAnswer.FromString(frame)
                match answer.WhichOneof("answer"):
                    case "response":
                        yield answer.response
                    case "failure":
                        raise _failure(answer.failure)
                    case "done":
                        return
            raise _broken(node.name)
        except Unreachable:
            # What a client sent wrong breaks the relay as well, and says more.
            if upwards.done() and not upwards.cancelled() and isinstance(error := upwards.exception(), Invalid):
                raise error from None
            raise
        finally:
            upwards.cancel()
            await pipe.close()
            await asyncio.gather(upwards, return_exceptions=True)

    async def _node(self, name: str) -> Node:
        wanted = name_in(NODES, name, "node")
        nodes = await self._parts.store.read(lambda repositories: repositories.nodes.all())
        node = next((node for node in nodes if node.name == wanted and not node.revoked), None)
        if node is None:
            raise missing(NODES, wanted)
        if node.id not in self._parts.sessions.connected():
            raise Unreachable(
                f"The node {node.name} is not reachable now.", "See `fairlead node ls`, and try again once it is back."
            )
        return node

    async def _record(self, method: str, subject: Any, node: Node) -> None:
        """Never what a command line or an environment says: either may hold a secret."""
        at, said = self._parts.clock.now(), _told(method, subject)
        await audit.change(
            self._parts, lambda repositories: audit.record(repositories, at, "docker-called", said, node=node.name)
        )


def _subject(method: str, first: bytes) -> Any:
    """What carries the node's name: the request, or the target that a stream begins with."""
    try:
        request = REQUESTS[method].FromString(first)
    except DecodeError:
        raise Invalid("The request can't be read.", "Send the message that the method takes.") from None
    if (found := asked(request)) is None:
        raise Invalid("The first frame of this call says where it leads.", "Send the target first, then the rest.")
    return found


def _frame(method: str, first: bytes) -> bytes:
    caller = principal()
    call = agent_pb2.DockerCall(method=method, request=first, caller=caller.name, admin=caller.role is Role.ADMIN)
    return _fitting(call.SerializeToString())


async def _pass_on(first: bytes, more: AsyncIterator[bytes] | None, pipe: RelayPipe) -> None:
    try:
        await pipe.write(first)
        if more is not None:
            async for frame in more:
                if frame:
                    await pipe.write(_fitting(frame))
        await pipe.finish()
    except Invalid:
        await pipe.close()
        raise


def _fitting(frame: bytes) -> bytes:
    if len(frame) > FRAME_BYTES:
        raise Invalid(
            f"A frame of {len(frame)} bytes is too long.", f"Send at most {FRAME_BYTES // 1024} KiB in one message."
        )
    return frame


def _failure(failure: agent_pb2.DockerFailure) -> FairleadError:
    error = BY_CODE.get(failure.code, FairleadError)(failure.message, failure.next_step)
    error.code = failure.code
    return error


def _broken(node: str) -> Unreachable:
    return Unreachable(
        f"The node {node} went away in the middle of the call.", "Look at what was done there, then try again."
    )


def _told(method: str, subject: Any) -> str:
    name = next((str(getattr(subject, field)) for field in _NAMES if getattr(subject, field, "")), "")
    forced = " by force" if getattr(subject, "force", False) else ""
    return f"{_WORDS[method].format(name)}{forced}."


_NAMES = ("container", "image", "reference")
# Asked for: whether it came about, the caller was told.
_WORDS: Mapping[str, str] = {
    "CreateContainer": "Asked to make a container",
    "StartContainer": "Asked to start the container {}",
    "StopContainer": "Asked to stop the container {}",
    "RestartContainer": "Asked to restart the container {}",
    "RemoveContainer": "Asked to remove the container {}",
    "AttachContainer": "Asked to attach to the container {}",
    "ExecContainer": "Asked to run a command in the container {}",
    "CommitContainer": "Asked to make an image of the container {}",
    "TagImage": "Asked to tag the image {}",
    "PullImage": "Asked to pull the image {}",
    "BuildImage": "Asked to build an image",
}

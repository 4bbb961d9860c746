"""One call of DockerService over one relay: the first frame is the call, later ones are its further requests.

Answers go out as they come, one a frame; a slow reader stops the handler, and the handler what it reads from Docker. A
relay that ends cancels the handler, and with it whatever Docker was doing for it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from google.protobuf.message import DecodeError, Message

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead_agent.docker_calls import failures
from fairlead_agent.docker_calls.call import Call, Handler
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.docker_calls.table import HANDLERS
from fairlead_agent.relay_frames import RelayEnded, RelayFrames
from fairlead_agent.runtime.people_port import PeopleEngine
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_wire.docker_messages import REQUESTS, asked
from fairlead_wire.errors import FairleadError, Invalid, Refused

ANSWER_BYTES = 8 * 1024 * 1024
"""The most that one answer may have; blocks of streams have far less. Half of what a gRPC message may have here."""
MOST_CALLS = 256
"""At a time: each holds at most a few MiB and two sockets."""

_log = logging.getLogger(__name__)


class DockerCalls:
    """A `relay_frames.Conversation`."""

    def __init__(
        self,
        engine: PeopleEngine,
        permission: Permission,
        handlers: Mapping[str, Handler] = HANDLERS,
        most: int = MOST_CALLS,
    ) -> None:
        self._engine, self._permission, self._handlers = engine, permission, handlers
        self._most, self._running = most, 0

    async def __call__(self, relay: RelayFrames) -> None:
        self._running += 1
        try:
            last = await self._answered(relay)
            await relay.write(last.SerializeToString())
        except RelayEnded:
            return
        finally:
            self._running -= 1

    async def _answered(self, relay: RelayFrames) -> agent_pb2.DockerAnswer:
        """All answers but the last, which says how it ended, and is returned."""
        node = ""
        try:
            call = _decoded(agent_pb2.DockerCall, await relay.read())
            request, node = self._begin(call)
            made = Call(self._engine, node, call.admin, _further(relay, REQUESTS[call.method]))
            async with aclosing(self._handlers[call.method](made, request)) as answers:
                async for answer in answers:
                    await relay.write(_response(answer))
        except RelayEnded:
            raise
        except (FairleadError, RuntimeFailure) as error:
            return agent_pb2.DockerAnswer(failure=failures.message(failures.understood(error, node)))
        except Exception as error:
            _log.exception("a Docker call failed")
            told = failures.internal(
                f"the agent failed inside: {type(error).__name__}",
                "See its log with `docker logs fairlead-agent` on the node, and report it.",
            )
            return agent_pb2.DockerAnswer(failure=failures.message(told))
        return agent_pb2.DockerAnswer(done=True)

    def _begin(self, call: agent_pb2.DockerCall) -> tuple[Any, str]:
        """The request, and the node's name as the caller wrote it. Raises Denied, Invalid, Refused."""
        self._permission.check(call.method)
        if call.method not in self._handlers:
            raise Invalid(
                f"This agent does not know {call.method[:80]!r}.", "Install an agent of the controller's version."
            )
        if self._running > self._most:
            raise Refused(f"This node carries out {self._most} Docker calls already.", "Wait until some have ended.")
        request = asked(_decoded(REQUESTS[call.method], call.request))
        if request is None:
            raise Invalid("The first frame of this call says where it leads.", "Send the target first, then the rest.")
        _log.info("%s for %s", call.method, call.caller)
        return request, request.node.rpartition("/")[2]


async def _further(relay: RelayFrames, kind: type[Message]) -> AsyncIterator[Any]:
    while frame := await relay.read():
        yield _decoded(kind, frame)


def _response(answer: Message) -> bytes:
    serialised = answer.SerializeToString()
    if len(serialised) > ANSWER_BYTES:
        raise Refused(f"The answer has {len(serialised)} bytes, which is too long.", "Ask for less, with --filter.")
    return agent_pb2.DockerAnswer(response=serialised).SerializeToString()


def _decoded(kind: Any, frame: bytes) -> Any:
    try:
        return kind.FromString(frame)
    except DecodeError:
        raise Invalid("A frame of this call can't be read.", "Send the message that the method takes.") from None

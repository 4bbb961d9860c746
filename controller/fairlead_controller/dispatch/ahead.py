"""Agents that know more than the database: asked for what they hold, so that it can be shown and taken over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fairlead.agent.v1 import session_pb2 as pb
from fairlead_controller.dispatch.background import Background
from fairlead_controller.dispatch.session import Session
from fairlead_controller.ports import Ahead
from fairlead_wire.assignment import Assignment, Increment, apply_increment
from fairlead_wire.codec import from_message
from fairlead_wire.errors import FairleadError


class AheadBook:
    """By node, for as long as its session lasts. `told(node_id)` is called when an agent has told what it holds."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._known: dict[str, tuple[Session, Ahead]] = {}
        self._background = Background()

    def all(self) -> Mapping[str, Ahead]:
        return {node_id: ahead for node_id, (_, ahead) in self._known.items()}

    def begin(self, session: Session) -> None:
        """A new session of a node: of one that is ahead, what it holds is asked for."""
        self._known.pop(session.node_id, None)
        if session.ahead is not None:
            self._known[session.node_id] = (session, session.ahead)
            self._background.start(self._ask(session), f"what node {session.node_id} holds")

    def end(self, session: Session) -> None:
        if self._known.get(session.node_id, (None,))[0] is session:
            del self._known[session.node_id]

    async def close(self) -> None:
        await self._background.close()

    async def _ask(self, session: Session) -> None:
        """An agent that does not answer stays one of which nothing more is known."""
        instruction = pb.Instruction(id="held", show_assignment=pb.ShowAssignment())
        try:
            result = await session.instruct(instruction)
        except FairleadError:
            return
        known, ahead = self._known.get(session.node_id, (None, None))
        if known is session and ahead is not None and result.HasField("assignment"):
            self._known[session.node_id] = (session, replace(ahead, kept=whole_assignment(result.assignment)))
            self._told(session.node_id)


def whole_assignment(message: pb.Assignment) -> Assignment:
    """The assignment of a COMPLETE message."""
    return apply_increment(Assignment(), replace(from_message(message, Increment), applies_to=0))

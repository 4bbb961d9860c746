"""Instructions: what an agent is asked to do once, over its session, beside its assignment."""

from __future__ import annotations

import asyncio

from fairlead.agent.v1 import session_pb2 as pb
from fairlead_controller.dispatch.pipe import SEE_LOG
from fairlead_controller.dispatch.sessions import SessionBook
from fairlead_controller.ports import Clock
from fairlead_wire.errors import Refused, Unreachable

ID_BYTES = 8
BACK_SECONDS = 6.0
"""An agent that was restarted is back within two or three; people ask in just that moment after an upgrade of it."""


class InstructionBook:
    """Implements the Instructions port."""

    def __init__(self, sessions: SessionBook, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    async def carry_out(self, node_id: str, instruction: pb.Instruction, timeout: float) -> pb.InstructionResult:
        """Has the node's agent do it within `timeout` seconds. Raises Unreachable, Refused with the agent's reason.

        After Unreachable it may be done or not.
        """
        session = await self._sessions.awaited(node_id, min(timeout, BACK_SECONDS))
        if session is None:
            raise Unreachable("The node's agent has no session with this controller now.", SEE_LOG)
        instruction.id = self._clock.random_bytes(ID_BYTES).hex()
        try:
            async with asyncio.timeout(timeout):
                result = await session.instruct(instruction)
        except TimeoutError:
            raise Unreachable(f"The node's agent gave no result within {timeout:.0f} s.", SEE_LOG) from None
        if result.error:
            raise Refused(result.error, SEE_LOG)
        return result

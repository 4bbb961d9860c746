"""Inspections: an agent looks at its host, and its clock is compared on the way."""

from __future__ import annotations

from fairlead.agent.v1 import inspection_pb2
from fairlead.agent.v1 import session_pb2 as pb
from fairlead_controller.dispatch.instructions import InstructionBook
from fairlead_controller.dispatch.session import SessionOver
from fairlead_controller.model.preflight import Inspected
from fairlead_controller.ports import Clock
from fairlead_wire.codec import from_message
from fairlead_wire.inspection import Inspection


class InspectionBook:
    """Implements the Inspections port."""

    def __init__(self, instructions: InstructionBook, clock: Clock) -> None:
        self._instructions, self._clock = instructions, clock

    async def inspect(self, node_id: str, timeout: float) -> Inspected:
        """What the node's agent finds, within `timeout` seconds. Raises Unreachable; Refused, with its reason.

        An agent that ends in the middle is asked once more: to look twice harms nobody.
        """
        try:
            return await self._inspect(node_id, timeout)
        except SessionOver:
            return await self._inspect(node_id, timeout)

    async def _inspect(self, node_id: str, timeout: float) -> Inspected:
        instruction = pb.Instruction(inspect_host=inspection_pb2.InspectHost())
        asked = self._clock.now()
        result = await self._instructions.carry_out(node_id, instruction, timeout)
        return inspected(result.inspection, asked, self._clock.now())


def inspected(report: inspection_pb2.InspectionReport, asked: float, answered: float) -> Inspected:
    """The way there and the way back are taken for equally long, as NTP does (RFC 5905, section 8). Times: seconds
    since 1970 by the controller's clock."""
    received, sent = report.received_ms / 1000, report.sent_ms / 1000
    offset = ((received - asked) + (sent - answered)) / 2
    round_trip = (answered - asked) - (sent - received)
    return Inspected(from_message(report.inspection, Inspection), offset, max(0.0, round_trip))

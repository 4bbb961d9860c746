"""The answer to the controller's question what a host is like, with the node's clock at both of its ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fairlead.agent.v1 import inspection_pb2
from fairlead_wire.codec import to_message
from fairlead_wire.inspection import Inspection


@dataclass
class Inspector:
    """`look` gives the inspection, `wall` the node's own time in seconds since 1970. One look at a time: two would
    measure each other."""

    look: Callable[[], Awaitable[Inspection]]
    wall: Callable[[], float]
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self) -> inspection_pb2.InspectionReport:
        received = self._now_ms()
        async with self._looking:
            found = to_message(await self.look(), inspection_pb2.Inspection)
        return inspection_pb2.InspectionReport(received_ms=received, sent_ms=self._now_ms(), inspection=found)

    def _now_ms(self) -> int:
        return round(self.wall() * 1000)

"""The relays of one session: opened when they are offered, ended with it or when the controller leaves one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import grpc

from fairlead.agent.v1 import session_pb2
from fairlead_agent import relay_frames, relay_stream
from fairlead_agent.effects import RelayTargets
from fairlead_agent.relay_frames import Conversations

_log = logging.getLogger(__name__)
Begin = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class SessionRelays:
    """`bulk` carries them; `begin` runs something beside the session, for as long as it lasts."""

    def __init__(
        self, bulk: grpc.aio.Channel, targets: RelayTargets, conversations: Conversations, begin: Begin
    ) -> None:
        self._bulk, self._targets, self._conversations, self._begin = bulk, targets, conversations, begin
        self._open: dict[str, asyncio.Task[None]] = {}

    def open(self, offer: session_pb2.RelayOffer) -> None:
        relay = self._open[offer.relay_id] = self._begin(self._carry(offer.relay_id, offer.target))
        relay.add_done_callback(lambda _: self._open.pop(offer.relay_id, None))

    def leave(self, relay_id: str) -> None:
        if relay := self._open.get(relay_id):
            relay.cancel()

    async def _carry(self, relay_id: str, target: str) -> None:
        """A relay that breaks ends alone."""
        try:
            if conversation := self._conversations.get(target):
                await relay_frames.carry(self._bulk, relay_id, conversation)
            else:
                await relay_stream.carry(self._bulk, relay_id, target, self._targets)
        except* (grpc.RpcError, asyncio.InvalidStateError, OSError) as broken:
            _log.info("a relay to %s broke: %s", target, broken.exceptions[0])

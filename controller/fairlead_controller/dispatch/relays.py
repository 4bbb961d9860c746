"""Relays: asked for over the session, opened by the agent, bound to its node, used once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from fairlead.agent.v1.session_pb2_grpc import RelayServiceServicer
from fairlead_controller.dispatch.pipe import SEE_LOG, Pipe
from fairlead_controller.dispatch.principal import node_from_context
from fairlead_controller.dispatch.sessions import SessionBook
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Store
from fairlead_wire.errors import Denied, Invalid, Unreachable

RELAY_ID_BYTES = 16
FIRST_FRAME_SECONDS = 10.0


@dataclass(frozen=True)
class Offer:
    """A relay that one node may open."""

    node_id: str
    pipe: Pipe


class RelayBook:
    """Implements the Relays port."""

    def __init__(self, sessions: SessionBook, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock
        self._offers: dict[str, Offer] = {}

    async def open(self, node_id: str, target: str, timeout: float) -> Pipe:
        """Asks the node's agent for a relay to `target`, within `timeout` seconds. Raises Unreachable."""
        session = self._sessions.session(node_id)
        if session is None:
            raise Unreachable("The node's agent has no session with this controller now.", SEE_LOG)
        relay_id = self._clock.random_bytes(RELAY_ID_BYTES).hex()
        pipe = Pipe(partial(session.end_relay, relay_id))
        self._offers[relay_id] = Offer(node_id, pipe)
        session.offer(relay_id, target)
        try:
            async with asyncio.timeout(timeout):
                await pipe.opened()
        except BaseException as error:
            await pipe.close()
            if isinstance(error, TimeoutError):
                raise Unreachable(f"The node's agent opened no relay within {timeout:.0f} s.", SEE_LOG) from None
            raise
        finally:
            self._offers.pop(relay_id, None)
        return pipe

    def take(self, relay_id: str, node_id: str) -> Pipe:
        """The pipe of an offer, which is used up. Raises Denied for any other relay, node or second time."""
        offer = self._offers.get(relay_id)
        if offer is None or offer.node_id != node_id:
            raise Denied("No such relay was offered to this node.", "Open a relay once, and only when it is offered.")
        del self._offers[relay_id]
        return offer.pipe


class RelayService(RelayServiceServicer):
    """The bulk streams of the fleet listener."""

    def __init__(self, relays: RelayBook, store: Store) -> None:
        self._relays, self._store = relays, store

    async def Relay(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # reads and writes itself
        node = await node_from_context(context, self._store)
        await self._relays.take(await _relay_id(context), node.id).carry(context)


async def _relay_id(context: Any) -> str:
    try:
        async with asyncio.timeout(FIRST_FRAME_SECONDS):
            first = await context.read()
    except TimeoutError:
        raise Unreachable(f"No frame came within {FIRST_FRAME_SECONDS:.0f} s.", "Open the relay again.") from None
    if first is grpc.aio.EOF or first.WhichOneof("frame") != "relay_id":
        raise Invalid("The first frame of a relay is its identifier.", "Send it first.")
    return str(first.relay_id)

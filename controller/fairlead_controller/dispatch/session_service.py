"""The control stream of the fleet listener: who calls, what it says of itself, and the session that follows."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from fairlead.agent.v1 import session_pb2 as pb
from fairlead.agent.v1.session_pb2_grpc import SessionServiceServicer
from fairlead_controller.dispatch.enrolment import with_address
from fairlead_controller.dispatch.greeting import Greeted
from fairlead_controller.dispatch.principal import node_from_context, peer_address, peer_key_digest
from fairlead_controller.dispatch.sessions import SessionBook, SessionSettings
from fairlead_controller.store.port import Store
from fairlead_wire.codec import from_message
from fairlead_wire.errors import Invalid, Unreachable
from fairlead_wire.facts import Facts


class SessionService(SessionServiceServicer):
    """The control stream of each agent."""

    def __init__(self, book: SessionBook, store: Store, settings: SessionSettings) -> None:
        self._book, self._store, self._settings = book, store, settings

    async def Session(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # reads and writes itself
        node = await node_from_context(context, self._store)
        greeted = _greeted(await self._hello(context), peer_address(context))
        session = await self._book.begin(node.id, greeted, peer_key_digest(context))
        try:
            await session.run(context)
        finally:
            self._book.detach(session)

    async def _hello(self, context: Any) -> pb.Hello:
        try:
            async with asyncio.timeout(self._settings.hello):
                message = await context.read()
        except TimeoutError:
            raise Unreachable(
                f"No hello came within {self._settings.hello:.0f} s.", "Start the session again."
            ) from None
        if message is grpc.aio.EOF or message.WhichOneof("message") != "hello":
            raise Invalid("A session starts with a hello.", "Send it first.")
        return message.hello  # type: ignore[no-any-return]


def _greeted(hello: pb.Hello, source: str) -> Greeted:
    facts = with_address(from_message(hello.facts, Facts), source)
    return Greeted(facts, hello.cluster, hello.revision, hello.generation)

"""EventService: the event log, a page at a time or as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fairlead.api.v1 import events_pb2, events_pb2_grpc
from fairlead_controller.api.messages import event_message
from fairlead_controller.api.pages import key_in, page_size, token_after
from fairlead_controller.api.parts import Parts
from fairlead_controller.model.event import Event
from fairlead_controller.store.port import Repositories

_LISTING = "events"


class EventService(events_pb2_grpc.EventServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListEvents(self, request: events_pb2.ListEventsRequest, context: Any) -> events_pb2.ListEventsResponse:
        size, before = page_size(request.page_size), int(key_in(_LISTING, request.page_token) or 0)
        # One more than asked tells whether there are older ones.
        events = await self._parts.store.read(
            lambda repositories: repositories.events.page(request.cluster, request.node, size + 1, before)
        )
        shown = events[-size:]
        older = token_after(_LISTING, shown[0].id) if len(events) > size else ""
        return events_pb2.ListEventsResponse(events=[event_message(event) for event in shown], next_page_token=older)

    async def WatchEvents(
        self, request: events_pb2.WatchEventsRequest, context: Any
    ) -> AsyncIterator[events_pb2.WatchEventsResponse]:
        store, feed = self._parts.store, self._parts.feed
        seen = request.after_id or await store.read(lambda repositories: repositories.events.newest_id())
        await context.send_initial_metadata(())  # says that nothing is missed from here on
        while True:
            version = feed.version("events")
            events = await store.read(partial(_after, request=request, seen=seen))
            for event in events:
                seen = event.id
                yield events_pb2.WatchEventsResponse(event=event_message(event))
            if not events:
                await feed.changed("events", version)


def _after(repositories: Repositories, request: events_pb2.WatchEventsRequest, seen: int) -> tuple[Event, ...]:
    return repositories.events.after(seen, request.cluster, request.node)

"""The event log: pages of it, and following it without missing any."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import events_pb2
from fairlead.api.v1.events_pb2_grpc import EventServiceStub
from fairlead_controller.model.event import Event
from fairlead_testing.fleet_server import FleetServer


def happen(server: FleetServer, message: str, cluster: str = "", node: str = "") -> int:
    event = Event("test", message, cluster, node)
    stored = server.store.now(lambda repositories: repositories.events.append(event, 1_800_000_000.25))
    server.feed.publish("events")
    return stored.id


@pytest.fixture
def events(admin: grpc.aio.Channel) -> Any:
    return EventServiceStub(admin)


async def test_pages_lead_to_older_events(server: FleetServer, events: Any) -> None:
    for number in range(5):
        happen(server, f"{number}")
    request, found = events_pb2.ListEventsRequest(page_size=2), []
    while True:
        answer = await events.ListEvents(request)
        found.append([event.message for event in answer.events])
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert found == [["3", "4"], ["1", "2"], ["0"]]


async def test_only_what_was_asked_for(server: FleetServer, events: Any) -> None:
    happen(server, "a", cluster="lab", node="n1")
    happen(server, "b", cluster="lab", node="n2")
    happen(server, "c", cluster="other", node="n1")
    for request, expected in (
        (events_pb2.ListEventsRequest(cluster="lab"), ["a", "b"]),
        (events_pb2.ListEventsRequest(node="n1"), ["a", "c"]),
        (events_pb2.ListEventsRequest(cluster="lab", node="n1"), ["a"]),
    ):
        assert [event.message for event in (await events.ListEvents(request)).events] == expected


async def test_following_shows_what_was_after_and_what_comes(server: FleetServer, events: Any) -> None:
    first = happen(server, "before")
    happen(server, "missed", cluster="lab")
    call = events.WatchEvents(events_pb2.WatchEventsRequest(after_id=first, cluster="lab"))
    async with asyncio.timeout(10):
        assert (await call.read()).event.message == "missed"
        happen(server, "elsewhere")
        happen(server, "new", cluster="lab")
        assert (await call.read()).event.message == "new"
    call.cancel()


async def test_following_from_now_on(server: FleetServer, events: Any) -> None:
    happen(server, "long ago")
    call = events.WatchEvents(events_pb2.WatchEventsRequest())
    async with asyncio.timeout(10):
        await call.initial_metadata()
        happen(server, "now")
        assert (await call.read()).event.message == "now"
    call.cancel()


async def test_a_slow_follower_gets_all_of_it(server: FleetServer, events: Any) -> None:
    first = happen(server, "first")
    messages = [f"{number}" for number in range(1200)]
    for message in messages:
        happen(server, message)
    call = events.WatchEvents(events_pb2.WatchEventsRequest(after_id=first))
    async with asyncio.timeout(30):
        assert [(await call.read()).event.message for _ in messages] == messages
    call.cancel()

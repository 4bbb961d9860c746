"""A controller that was restored from a backup, and agents that come back to it by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from fairlead_controller.recovery import renew
from fairlead_testing.api_server import api_running, until
from fairlead_testing.fake_agent import FakeAgent, everything_well
from fairlead_testing.fleet_server import FleetServer
from fairlead_testing.stores import MemoryStore


@asynccontextmanager
async def restored(first: FleetServer, backup: MemoryStore) -> AsyncIterator[FleetServer]:
    """The fleet of `first`, from its `backup`, with the same authority at other ports."""
    backup.now(lambda repositories: renew(repositories, Path("backup.db"), None, first.clock.now()))
    async with api_running(FleetServer(store=backup, authority=first.authority)) as server:
        yield server


@asynccontextmanager
async def coming_back(server: FleetServer, agent: FakeAgent) -> AsyncIterator[None]:
    """The agent at `server`, which it obeys; ended by the controller it comes again."""
    agent.endpoint = server.fleet_endpoint

    async def work() -> None:
        while True:
            try:
                await agent.obey(everything_well)
            except grpc.RpcError:
                await asyncio.sleep(0.01)

    working, (node,) = asyncio.create_task(work()), server.store.now(lambda repositories: repositories.nodes.all())
    try:
        await until(server.feed, "events", lambda: node.id in server.dispatch.sessions.connected())
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])

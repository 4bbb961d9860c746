"""Several who change a cluster at the same moment, and callers who go away amid a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead_controller.model.snapshot import ClusterPhase
from fairlead_controller.spec_file import parse
from fairlead_controller.store.port import Repositories
from fairlead_testing.api_server import api_running, idle_agent, obedient_agent, people
from fairlead_testing.cluster_caller import OTHER, SUCCEEDED, Caller
from fairlead_testing.fleet_server import FleetServer
from fairlead_testing.stores import MemoryStore
from fairlead_wire.errors import Refused

T = TypeVar("T")


class RacingStore(MemoryStore):
    """Lets somebody else be a little faster: does `first` before the next change."""

    first: Callable[[Repositories], object] | None = None

    async def write(self, work: Callable[[Repositories], T]) -> T:
        first, self.first = self.first, None
        if first is not None:
            self.now(first)
        return self.now(work)


async def test_of_two_who_apply_at_once_the_second_is_told() -> None:
    store = RacingStore()
    async with api_running(FleetServer(store=store)) as server, people(server) as channel, idle_agent(server, "lab-1"):
        store.first = lambda repositories: repositories.clusters.accept(parse(OTHER, {}, ""), OTHER, {}, 1.0)
        error = await Caller(channel).refused(Caller(channel).apply())
    assert isinstance(error, Refused)
    assert error.message == "Someone else has just changed cluster lab: its revision is 1 now."
    assert error.next_step == "Run `fairlead plan` again and look at what is left to do."


async def test_who_applies_while_it_is_deleted_is_told_and_the_deletion_goes_on() -> None:
    store = RacingStore()
    async with api_running(FleetServer(store=store)) as server, people(server) as channel:
        caller = Caller(channel)
        async with obedient_agent(server, "lab-1"):
            await caller.carried_out()
        deletion = await caller.clusters.DeleteCluster(clusters_pb2.DeleteClusterRequest(name="clusters/lab"))
        server.store.now(lambda repositories: repositories.clusters.set_phase("lab", ClusterPhase.ACTIVE, False))
        store.first = lambda repositories: repositories.clusters.set_phase("lab", ClusterPhase.DELETING, False)
        error = await caller.refused(caller.apply(OTHER))
        running = store.now(lambda repositories: repositories.operations.running("lab"))
    assert error.message == "Cluster lab is being deleted."
    assert running is not None
    assert f"operations/{running.id}" == deletion.operation.name


class StallingStore(MemoryStore):
    """Keeps a change, and answers later, as a slow disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.stalls, self.kept, self.goes_on = False, asyncio.Event(), asyncio.Event()

    async def write(self, work: Callable[[Repositories], T]) -> T:
        kept = self.now(work)
        if self.stalls:
            self.kept.set()
            await self.goes_on.wait()
        return kept


async def test_what_is_stored_is_carried_out_though_its_caller_has_gone() -> None:
    store = StallingStore()
    async with (
        api_running(FleetServer(store=store)) as server,
        people(server) as channel,
        obedient_agent(server, "lab-1"),
    ):
        caller = Caller(channel)
        store.stalls = True
        applying = asyncio.ensure_future(caller.apply())
        async with asyncio.timeout(20):
            await store.kept.wait()
        applying.cancel()
        await asyncio.gather(applying, return_exceptions=True)
        store.stalls = False
        store.goes_on.set()
        running = store.now(lambda repositories: repositories.operations.running("lab"))
        assert running is not None
        operation = operations_pb2.Operation(name=f"operations/{running.id}")
        assert (await caller.end_of(operation)).state == SUCCEEDED

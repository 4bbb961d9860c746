"""The person who changes the cluster through the public API, and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from grpc.aio import AioRpcError

from fairlead.api.v1 import clusters_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead_testing.simulation.story import Story
from fairlead_testing.simulation.wire import Channel, Link, Peer, Server

CLUSTER = "lab"
CALL_SECONDS = 20.0


@dataclass(frozen=True)
class Intent:
    """What the person wants from second `at` on: this spec, or, if it is empty, that the cluster goes."""

    at: float
    spec_yaml: str = ""
    files: tuple[tuple[str, str], ...] = ()
    destroy_data: bool = False


@dataclass
class Person:
    """Carries out intents in order; each is repeated, under one request identifier, until it is acknowledged."""

    certificate: bytes
    controller: Callable[[], Server | None]
    random: Random
    story: Story
    link: Link = field(init=False)
    acknowledged: Intent | None = None
    revision: int = 0
    reapplied: int = 0
    told: str = ""

    def __post_init__(self) -> None:
        self.link = Link(lambda: self.random.uniform(0.0005, 0.01))

    async def follow(self, intents: Sequence[Intent]) -> None:
        for intent in intents:
            await asyncio.sleep(max(0.0, intent.at - asyncio.get_running_loop().time()))
            await self.carry_out(intent)

    async def carry_out(self, intent: Intent) -> None:
        """Returns when the controller has acknowledged it."""
        while not await self._ask(intent, self._request_id()):  # noqa: ASYNC110 — an answer is asked for again, on virtual time
            await asyncio.sleep(1.0)
        self.acknowledged = intent
        what = f"revision {self.revision} is acknowledged" if intent.spec_yaml else "the deletion is acknowledged"
        self.story.tell("person", what)

    async def _ask(self, intent: Intent, request_id: str) -> bool:
        """Whether it is acknowledged; not so if it is refused now, and may be asked for afresh."""
        while True:
            try:
                await (self._apply if intent.spec_yaml else self._delete)(intent, request_id)
                return True
            except AioRpcError as error:
                self.told = f"{error.code().name} {error.details()}"
                self.story.tell("person", f"is told: {self.told}")
                if error.code() is grpc.StatusCode.NOT_FOUND and not intent.spec_yaml:
                    return True
                if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    return False
                if error.code() not in _AGAIN:
                    raise
            await asyncio.sleep(0.5)

    async def _apply(self, intent: Intent, request_id: str) -> None:
        source = clusters_pb2.ClusterSource(spec_yaml=intent.spec_yaml, files=dict(intent.files))
        # Simulated hosts have nothing to inspect.
        request = clusters_pb2.ApplyClusterRequest(source=source, request_id=request_id, skip_checks=["reachable"])
        answer = await self._stub().ApplyCluster(request, timeout=CALL_SECONDS)
        self.revision = answer.revision

    async def _delete(self, intent: Intent, request_id: str) -> None:
        request = clusters_pb2.DeleteClusterRequest(
            name=f"clusters/{CLUSTER}", request_id=request_id, destroy_data=intent.destroy_data
        )
        await self._stub().DeleteCluster(request, timeout=CALL_SECONDS)

    def _stub(self) -> Any:
        channel: Any = Channel(self.link, Peer(self.certificate, "192.0.2.1"), self.controller)
        return ClusterServiceStub(channel)

    def _request_id(self) -> str:
        return self.random.randbytes(8).hex()


_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)

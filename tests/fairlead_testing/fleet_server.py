"""A real controller in this process: both listeners over TLS on loopback, real authorities, a store in memory."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import grpc

from fairlead_controller.api.access import AccessInterceptor
from fairlead_controller.dispatch.errors import ErrorInterceptor
from fairlead_controller.dispatch.principal import is_known_node, principal_from_context
from fairlead_controller.dispatch.server import (
    Dispatch,
    DispatchSettings,
    add_enrolment_services,
    add_fleet_services,
)
from fairlead_controller.dispatch.sessions import SessionSettings
from fairlead_controller.feed import Feed
from fairlead_controller.images.fleet_images import StoredImages
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import FleetRecord, TokenRecord
from fairlead_controller.model.node import Node
from fairlead_controller.ports import Clock, FleetImages
from fairlead_controller.reconcile import ClusterReconciler
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.fake_fleet_images import FakeFleetImages
from fairlead_testing.fleet_images import new_images
from fairlead_testing.stores import MemoryStore
from fairlead_wire.assignment import Assignment
from fairlead_wire.channels import (
    SERVER_OPTIONS,
    Credentials,
    enrolment_server_credentials,
    fleet_server_credentials,
    open_channel,
)
from fairlead_wire.facts import Facts
from fairlead_wire.identity import public_key_digest
from fairlead_wire.token import JoinToken, new_token, secret_hash, token_id

# A test that says nothing for a while must not lose its session; one about silence wants it soon.
PATIENT = DispatchSettings(SessionSettings(heartbeat=30.0), batch=0.01)
IMPATIENT = DispatchSettings(SessionSettings(heartbeat=0.1, jitter=0.01, hello=0.3), batch=0.01)


class CallLog(grpc.aio.ServerInterceptor):
    """Every method that was called, whoever called it and whatever became of it."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    async def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        self.methods.append(details.method)
        return await continuation(details)


@dataclass
class FleetServer:
    """A running controller. `ahead`: seconds that its clock is ahead of the machine's. `store` outlives it if kept."""

    settings: DispatchSettings = PATIENT
    ahead: float = 0.0
    keeps_store: bool = False
    store: MemoryStore = field(default_factory=MemoryStore)
    authority: FleetAuthority = field(default_factory=lambda: FleetAuthority(time.time()))
    feed: Feed = field(default_factory=Feed)
    calls: CallLog = field(default_factory=CallLog)
    told: FakeFleetImages | None = None
    """What stands in for the fleet's images, where a test says which there are."""
    clock: Clock = field(init=False)
    images: StoredImages = field(init=False)
    dispatch: Dispatch = field(init=False)
    reconciler: ClusterReconciler = field(init=False)
    enrolment_endpoint: str = ""
    fleet_endpoint: str = ""

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: time.time() + self.ahead, self.authority.clock.random_bytes)
        self.images = new_images(self.clock)
        self.dispatch = Dispatch.build(self.store, self.feed, self.clock, self.fleet_images, self.settings)
        dispatch = self.dispatch
        self.reconciler = ClusterReconciler(
            self.store, self.feed, self.clock, dispatch.sessions, dispatch.observations, dispatch.causes
        )

    @property
    def fleet_images(self) -> FleetImages:
        return self.told or self.images

    @property
    def fleet_id(self) -> str:
        return self.authority.fleet_id

    @property
    def authority_digest(self) -> bytes:
        from cryptography import x509

        return public_key_digest(x509.load_pem_x509_certificate(self.authority.record.certificate))

    def token(self, cluster: str = "", labels: Mapping[str, str] | None = None, lasts: float = 3600.0) -> JoinToken:
        """A join token as `fairlead token create` would store it; already expired if it lasts less than nothing."""
        token, now = new_token(self.authority_digest, self.clock.random_bytes(16)), self.clock.now()
        record = TokenRecord(
            token_id(token.secret),
            secret_hash(token.secret),
            created_at=now,
            expires_at=now + lasts,
            creator="admin",
            labels=tuple(sorted((labels or {}).items())),
            cluster=cluster,
        )
        self.store.now(lambda repositories: repositories.tokens.add(record))
        return token

    def node(self, name: str, node_id: str = "") -> tuple[Node, Credentials]:
        """A node that is enrolled already, with its identity."""
        identity = node_id or f"id-{name}"
        node = Node(identity, name, Facts(name, address="127.0.0.1"), enrolled_at=self.clock.now())
        self.store.now(lambda repositories: repositories.nodes.put(node))
        return node, self.authority.node(identity)

    def assign(self, node_id: str, assignment: Assignment) -> None:
        """A new assignment of a node, pushed to its session."""
        self.store.now(lambda repositories: repositories.assignments.put(node_id, assignment))
        self.dispatch.sessions.push(node_id)

    def revoke(self, node_id: str) -> None:
        def work(repositories: Any) -> None:
            repositories.nodes.put(replace(repositories.nodes.get(node_id), revoked=True))

        self.store.now(work)

    def events(self, kind: str = "") -> Sequence[Event]:
        """The event log, oldest first."""
        page = self.store.now(lambda repositories: repositories.events.page(limit=1000))
        return [event for event in page if kind in ("", event.kind)]

    async def event(self, kind: str) -> Event:
        """The newest event of that kind, as soon as there is one."""
        while True:
            version = self.feed.version("events")
            if found := self.events(kind):
                return found[-1]
            await self.feed.changed("events", version)


@asynccontextmanager
async def running(
    server: FleetServer | None = None,
    extra: Callable[[grpc.aio.Server, FleetServer], None] = lambda fleet, server: None,
) -> AsyncIterator[FleetServer]:
    """Runs a controller on two free ports; `extra` adds services to the fleet listener."""
    controller = server or FleetServer()
    enrolment, fleet = _listeners(controller)
    extra(fleet, controller)
    await controller.dispatch.start(controller.reconciler)
    await enrolment.start()
    await fleet.start()
    await controller.reconciler.start()
    try:
        yield controller
    finally:
        await enrolment.stop(None)
        await fleet.stop(None)
        await controller.dispatch.close()
        await controller.reconciler.close()
        await controller.images.close()
        if not controller.keeps_store:
            await controller.store.close()
            shutil.rmtree(controller.images.folder, ignore_errors=True)


@asynccontextmanager
async def channel(endpoint: str, credentials: Credentials) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(endpoint, credentials) as opened:
        yield opened


def _listeners(controller: FleetServer) -> tuple[grpc.aio.Server, grpc.aio.Server]:
    identity = controller.authority.server()
    access = AccessInterceptor(principal_from_context, partial(is_known_node, controller.store))
    enrolment = grpc.aio.server(options=SERVER_OPTIONS, interceptors=(controller.calls, ErrorInterceptor()))
    fleet = grpc.aio.server(options=SERVER_OPTIONS, interceptors=(controller.calls, ErrorInterceptor(), access))
    open_to_all = enrolment_server_credentials(lambda: identity)
    mutual = fleet_server_credentials(lambda: identity)
    controller.enrolment_endpoint = f"127.0.0.1:{enrolment.add_secure_port('127.0.0.1:0', open_to_all)}"
    controller.fleet_endpoint = f"127.0.0.1:{fleet.add_secure_port('127.0.0.1:0', mutual)}"
    _store_fleet(controller)
    add_enrolment_services(enrolment, controller.dispatch)
    add_fleet_services(fleet, controller.dispatch)
    return enrolment, fleet


def _store_fleet(controller: FleetServer) -> None:
    record = FleetRecord(
        controller.fleet_id, 1, controller.enrolment_endpoint, controller.fleet_endpoint, controller.clock.now()
    )

    def work(repositories: Any) -> None:
        if repositories.fleets.get() is None:
            repositories.fleets.put(record)
            repositories.authorities.put(controller.authority.record)

    controller.store.now(work)

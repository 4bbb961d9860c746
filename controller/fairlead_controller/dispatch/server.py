"""The agents' side, built and put on its two listeners."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc

from fairlead.agent.v1.enrollment_pb2_grpc import add_EnrollmentServiceServicer_to_server
from fairlead.agent.v1.session_pb2_grpc import (
    add_CertificateServiceServicer_to_server,
    add_RelayServiceServicer_to_server,
    add_SessionServiceServicer_to_server,
)
from fairlead_controller.dispatch.certificates import CertificateService
from fairlead_controller.dispatch.enrolment import Enrolment
from fairlead_controller.dispatch.inspections import InspectionBook
from fairlead_controller.dispatch.instructions import InstructionBook
from fairlead_controller.dispatch.observations import BATCH_SECONDS, ObservationBook
from fairlead_controller.dispatch.relays import RelayBook, RelayService
from fairlead_controller.dispatch.session_service import SessionService
from fairlead_controller.dispatch.sessions import SessionBook, SessionSettings
from fairlead_controller.events import Causes
from fairlead_controller.feed import Feed
from fairlead_controller.ports import Clock, FleetImages, Reconciler
from fairlead_controller.store.port import Store


@dataclass(frozen=True)
class DispatchSettings:
    """Times of the agents' side; `batch` in seconds."""

    sessions: SessionSettings = field(default_factory=SessionSettings)
    batch: float = BATCH_SECONDS


@dataclass(frozen=True)
class Dispatch:
    """What the other rooms use of this one, as `ports` describes it."""

    store: Store
    feed: Feed
    clock: Clock
    causes: Causes
    settings: DispatchSettings
    observations: ObservationBook
    sessions: SessionBook
    relays: RelayBook
    instructions: InstructionBook
    inspections: InspectionBook

    @staticmethod
    def build(
        store: Store, feed: Feed, clock: Clock, images: FleetImages, settings: DispatchSettings | None = None
    ) -> Dispatch:
        """`images`: what agents are told of the fleet's registry, at once and at each change."""
        chosen, causes = settings or DispatchSettings(), Causes()
        observations = ObservationBook(store, feed, clock, causes, chosen.batch)
        sessions = SessionBook(store, feed, clock, observations, chosen.sessions, images)
        relays, instructions = RelayBook(sessions, clock), InstructionBook(sessions, clock)
        inspections = InspectionBook(instructions, clock)
        return Dispatch(store, feed, clock, causes, chosen, observations, sessions, relays, instructions, inspections)

    async def start(self, reconciler: Reconciler) -> None:
        """Loads what was seen before, and lets all further news wake the reconciler. Before any listener opens."""
        await self.observations.load()
        self.observations.wake = self.sessions.wake = lambda cluster: reconciler.wake(cluster)

    async def close(self) -> None:
        """After the listeners are closed: writes what is left."""
        await self.sessions.close()
        await self.observations.close()


def add_enrolment_services(server: grpc.aio.Server, dispatch: Dispatch) -> None:
    """All that is answered without a certificate."""
    add_EnrollmentServiceServicer_to_server(Enrolment(dispatch.store, dispatch.feed, dispatch.clock), server)


def add_fleet_services(server: grpc.aio.Server, dispatch: Dispatch) -> None:
    """The agents' services of the fleet listener, whose interceptors check roles."""
    store, feed, clock = dispatch.store, dispatch.feed, dispatch.clock
    sessions = SessionService(dispatch.sessions, store, dispatch.settings.sessions)
    add_SessionServiceServicer_to_server(sessions, server)
    add_CertificateServiceServicer_to_server(CertificateService(store, feed, clock, dispatch.sessions.seeds), server)
    add_RelayServiceServicer_to_server(RelayService(dispatch.relays, store), server)

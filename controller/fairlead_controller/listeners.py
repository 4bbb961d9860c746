"""The two listeners: enrolment (server TLS, nobody is known yet) and fleet (mutual TLS, everything else)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection

from fairlead.agent.v1 import session_pb2
from fairlead.api.v1 import (
    clusters_pb2,
    docker_pb2,
    events_pb2,
    fleet_pb2,
    images_pb2,
    nodes_pb2,
    operations_pb2,
    registries_pb2,
    relays_pb2,
    snapshots_pb2,
)
from fairlead_controller.api.server import add_api_services, fleet_interceptors
from fairlead_controller.build import Rooms
from fairlead_controller.config import endpoint
from fairlead_controller.dispatch.errors import ErrorInterceptor
from fairlead_controller.dispatch.server import add_enrolment_services, add_fleet_services
from fairlead_wire.channels import (
    SERVER_OPTIONS,
    Held,
    enrolment_server_credentials,
    fleet_server_credentials,
)
from fairlead_wire.errors import Refused

_FILES = (
    session_pb2,
    clusters_pb2,
    docker_pb2,
    events_pb2,
    fleet_pb2,
    images_pb2,
    nodes_pb2,
    operations_pb2,
    registries_pb2,
    relays_pb2,
    snapshots_pb2,
)
# What still runs after this is cut off: agents and watchers come back by themselves.
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Listeners:
    """Both servers, bound and serving."""

    enrolment: grpc.aio.Server
    fleet: grpc.aio.Server
    health: grpc_health.aio.HealthServicer
    enrolment_endpoint: str
    fleet_endpoint: str

    async def stop(self) -> None:
        """Takes no more calls, gives running ones a second, and ends them."""
        await self.health.enter_graceful_shutdown()
        await asyncio.gather(self.enrolment.stop(GRACE_SECONDS), self.fleet.stop(GRACE_SECONDS))


async def open_listeners(rooms: Rooms, held: Held, listen: str, enrol_port: int, fleet_port: int) -> Listeners:
    """Binds both ports, or neither. Raises Refused for a port that can't be had."""
    enrolment = grpc.aio.server(interceptors=(ErrorInterceptor(),), options=SERVER_OPTIONS)
    add_enrolment_services(enrolment, rooms.dispatch)
    fleet = grpc.aio.server(interceptors=fleet_interceptors(rooms.parts.store), options=SERVER_OPTIONS)
    add_fleet_services(fleet, rooms.dispatch)
    add_api_services(fleet, rooms.parts)
    health = grpc_health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, fleet)
    reflection.enable_server_reflection(service_names(), fleet)
    listeners = Listeners(
        enrolment,
        fleet,
        health,
        _bind(enrolment, listen, enrol_port, enrolment_server_credentials(held), "--enrol-port"),
        _bind(fleet, listen, fleet_port, fleet_server_credentials(held), "--fleet-port"),
    )
    await asyncio.gather(enrolment.start(), fleet.start())
    await health.set("", HealthCheckResponse.SERVING)
    return listeners


def service_names() -> list[str]:
    """Full names of all services of the fleet listener, as reflection lists them."""
    named: list[Any] = [service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()]
    return [*(service.full_name for service in named), grpc_health.SERVICE_NAME, reflection.SERVICE_NAME]


def _bind(server: grpc.aio.Server, listen: str, port: int, credentials: grpc.ServerCredentials, option: str) -> str:
    place = endpoint(listen, port)
    try:
        server.add_secure_port(place, credentials)
    except RuntimeError:
        raise Refused(
            f"The controller can't listen at {place}: another program has the port, or the address is not this host's.",
            f"End that program (`ss -ltnp sport = :{port}` names it), or choose with --listen and {option}.",
        ) from None
    return place

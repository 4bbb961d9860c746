"""Puts the API's services and its access control on a server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import grpc

from fairlead.api.v1 import (
    clusters_pb2_grpc,
    events_pb2_grpc,
    fleet_pb2_grpc,
    images_pb2_grpc,
    nodes_pb2_grpc,
    operations_pb2_grpc,
    registries_pb2_grpc,
    relays_pb2_grpc,
    snapshots_pb2_grpc,
)
from fairlead_controller.api.access import AccessInterceptor
from fairlead_controller.api.clusters import ClusterService
from fairlead_controller.api.docker import DockerService
from fairlead_controller.api.events import EventService
from fairlead_controller.api.fleet import FleetService
from fairlead_controller.api.images import ImageService
from fairlead_controller.api.nodes import NodeService
from fairlead_controller.api.operations import OperationService
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.registries import RegistryService
from fairlead_controller.api.relays import RelayService
from fairlead_controller.api.snapshots import SnapshotService
from fairlead_controller.api.tokens import TokenService
from fairlead_controller.dispatch.errors import ErrorInterceptor
from fairlead_controller.dispatch.principal import is_known_node, principal_from_context
from fairlead_controller.store.port import Store


def fleet_interceptors(store: Store) -> Sequence[grpc.aio.ServerInterceptor]:
    """For the fleet listener, outermost first: what is raised becomes a status, and only who may gets further."""
    return (ErrorInterceptor(), AccessInterceptor(principal_from_context, partial(is_known_node, store)))


def add_api_services(server: grpc.aio.Server, parts: Parts) -> None:
    """All services of fairlead.api.v1. The server must have been made with `fleet_interceptors`."""
    clusters_pb2_grpc.add_ClusterServiceServicer_to_server(ClusterService(parts), server)
    operations_pb2_grpc.add_OperationServiceServicer_to_server(OperationService(parts), server)
    nodes_pb2_grpc.add_NodeServiceServicer_to_server(NodeService(parts), server)
    nodes_pb2_grpc.add_TokenServiceServicer_to_server(TokenService(parts), server)
    events_pb2_grpc.add_EventServiceServicer_to_server(EventService(parts), server)
    relays_pb2_grpc.add_RelayServiceServicer_to_server(RelayService(parts), server)
    fleet_pb2_grpc.add_FleetServiceServicer_to_server(FleetService(parts), server)
    images_pb2_grpc.add_ImageServiceServicer_to_server(ImageService(parts), server)
    snapshots_pb2_grpc.add_SnapshotServiceServicer_to_server(SnapshotService(parts), server)
    registries_pb2_grpc.add_RegistryServiceServicer_to_server(RegistryService(parts), server)
    server.add_generic_rpc_handlers((DockerService(parts).handlers(),))

"""NodeService: the servers that have enrolled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.api.v1 import nodes_pb2, nodes_pb2_grpc
from fairlead_controller.api.messages import node_message
from fairlead_controller.api.node_checks import check_nodes
from fairlead_controller.api.pages import page
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import CLUSTERS, NODES, missing, name_in
from fairlead_controller.model.node import Node
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Subject


@dataclass(frozen=True)
class _Stored:
    nodes: tuple[Node, ...]
    clusters: Mapping[str, str]
    last_seen: Mapping[str, float]


def _stored(repositories: Repositories) -> _Stored:
    clusters = {claim.node_id: claim.cluster for claim in repositories.claims.all()}
    nodes = tuple(node for node in repositories.nodes.all() if not node.revoked)
    return _Stored(nodes, clusters, repositories.nodes.last_seen())


class NodeService(nodes_pb2_grpc.NodeServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetNode(self, request: nodes_pb2.GetNodeRequest, context: Any) -> nodes_pb2.GetNodeResponse:
        name = name_in(NODES, request.name)
        stored = await self._parts.store.read(_stored)
        node = next((node for node in stored.nodes if node.name == name), None)
        if node is None:
            raise missing(NODES, name)
        return nodes_pb2.GetNodeResponse(node=self._message(node, stored))

    async def ListNodes(self, request: nodes_pb2.ListNodesRequest, context: Any) -> nodes_pb2.ListNodesResponse:
        cluster = name_in(CLUSTERS, request.cluster, "cluster") if request.cluster else ""
        stored = await self._parts.store.read(_stored)
        nodes = [node for node in stored.nodes if not cluster or stored.clusters.get(node.id) == cluster]
        chosen, following = page(nodes, lambda node: node.name, NODES, request.page_size, request.page_token)
        return nodes_pb2.ListNodesResponse(
            nodes=[self._message(node, stored) for node in chosen], next_page_token=following
        )

    async def CheckNodes(self, request: nodes_pb2.CheckNodesRequest, context: Any) -> nodes_pb2.CheckNodesResponse:
        return await check_nodes(self._parts, request)

    def _message(self, node: Node, stored: _Stored) -> nodes_pb2.Node:
        seen = max(stored.last_seen.get(node.id, 0.0), self._parts.sessions.last_seen().get(node.id, 0.0))
        observed = self._parts.observations.of(node.id)
        orphans = sorted(name for subject, name in observed if subject is Subject.ORPHAN)
        reachable = node.id in self._parts.sessions.connected()
        return node_message(node, stored.clusters.get(node.id, ""), reachable, seen, orphans)

"""Which nodes a person wants checked, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.api.v1 import nodes_pb2
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.preflight import Examinee, check_message, examined
from fairlead_controller.api.resource_names import NODES, missing, name_in
from fairlead_controller.model.cluster_spec import Network
from fairlead_controller.model.node import Claim, Fleet, Node, NodeRole
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Invalid, Problem

_ROLES = {role.value: role for role in NodeRole}


async def check_nodes(parts: Parts, request: nodes_pb2.CheckNodesRequest) -> nodes_pb2.CheckNodesResponse:
    """Raises Missing for a node that is not there, Invalid for a role that is none."""
    role = _role(request.role)
    names = [name_in(NODES, name, "names") for name in request.names]
    fleet, networks = await parts.store.read(_stored)
    examinees = [_examinee(node, role, fleet, networks) for node in _chosen(fleet, names)]
    found = await examined(parts, examinees, fleet)
    return nodes_pb2.CheckNodesResponse(checks=[check_message(each) for each in found])


def _stored(repositories: Repositories) -> tuple[Fleet, Mapping[str, Network]]:
    """All nodes that count, and the network of each cluster."""
    nodes = tuple(node for node in repositories.nodes.all() if not node.revoked)
    networks = {cluster.name: cluster.spec.spec.network for cluster in repositories.clusters.all()}
    return Fleet(nodes, repositories.claims.all()), networks


def _chosen(fleet: Fleet, names: Sequence[str]) -> list[Node]:
    by_name = {node.name: node for node in fleet.nodes}
    for name in names:
        if name not in by_name:
            raise missing(NODES, name)
    return [by_name[name] for name in sorted(set(names) or by_name)]


def _examinee(node: Node, role: NodeRole | None, fleet: Fleet, networks: Mapping[str, Network]) -> Examinee:
    """A node that is in no cluster is measured by what a control plane needs, and by the cluster of its token."""
    claim = next((claim for claim in fleet.claims if claim.node_id == node.id), None)
    network = networks.get(claim.cluster if claim else node.wanted_cluster, Network())
    return Examinee(node, role or _held(claim), network, claim is not None)


def _held(claim: Claim | None) -> NodeRole:
    return claim.role if claim else NodeRole.CONTROL_PLANE


def _role(text: str) -> NodeRole | None:
    if text and text not in _ROLES:
        raise Invalid(
            f"{text!r} is no role of a node.",
            f"Give one of: {', '.join(_ROLES)}.",
            [Problem("role", f"is {text!r}; write one of: {', '.join(_ROLES)}")],
        )
    return _ROLES.get(text)

"""What each node of a cluster is to hold, from its spec and its placement alone. Pure and memoised by its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from fairlead_controller.model.node import Claim, Node
from fairlead_controller.model.snapshot import Cluster, Material, Snapshot
from fairlead_controller.plan.certificates import agent_certificate
from fairlead_controller.plan.components.part import authorities
from fairlead_controller.plan.components.registry import parts
from fairlead_controller.plan.context import NodeContext, cluster_context, node_context
from fairlead_controller.plan.objects import cluster_objects
from fairlead_controller.plan.remembered import Remembered
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, ObjectSpec, normalised


def desired(snapshot: Snapshot, claims: tuple[Claim, ...]) -> Mapping[str, Assignment]:
    """Node identifier → its assignment, revision 0, no removals. Raises catalogue.UnknownRelease."""
    cluster, fleet = snapshot.cluster, snapshot.fleet
    before = fleet.claims_of(cluster.name)
    return _DESIRED.one(cluster.name, cluster, snapshot.material, fleet.nodes, before, claims)


def _desired(
    cluster: Cluster, material: Material, nodes: tuple[Node, ...], before: tuple[Claim, ...], claims: tuple[Claim, ...]
) -> Mapping[str, Assignment]:
    known = {node.id: node for node in nodes}
    context = cluster_context(cluster, material, known, claims)
    contexts = {claim.node_id: node_context(context, known[claim.node_id], claim) for claim in claims}
    # Nodes that are being emptied keep their objects until they are released: until then they still are Nodes.
    left = (claim for claim in before if claim.node_id not in contexts and claim.node_id in known)
    leaving = [node_context(context, known[claim.node_id], claim) for claim in left]
    objects = cluster_objects(context, (*contexts.values(), *leaving))
    return {node_id: _assignment(node, objects) for node_id, node in contexts.items()}


_DESIRED = Remembered(_desired)


def _assignment(node: NodeContext, objects: tuple[ObjectSpec, ...]) -> Assignment:
    alone = _without_objects(node)
    if not node.control_plane:
        return alone
    return Assignment(
        alone.cluster,
        alone.node,
        tasks=alone.tasks,
        files=alone.files,
        certificates=alone.certificates,
        objects=tuple(sorted(objects, key=lambda spec: spec.key)),
    )


def _signed(spec: CertificateSpec, material: Material) -> CertificateSpec:
    issuer = material.issuers.get(spec.authority, "")
    return replace(spec, issuer=issuer) if issuer else spec


@lru_cache(maxsize=8192)
def _without_objects(node: NodeContext) -> Assignment:
    built = parts(node)
    files: dict[str, FileSpec] = {file.path: file for part in built for file in part.files}
    certificates: dict[str, CertificateSpec] = {each.path: each for part in built for each in part.certificates}
    if node.control_plane:
        agent = agent_certificate(node)
        certificates[agent.path] = agent
        files |= {file.path: file for file in authorities(node, agent.authority)}
    return normalised(
        Assignment(
            node.cluster.cluster.name,
            node.name,
            tasks=tuple(part.task for part in built),
            files=tuple(files.values()),
            certificates=tuple(_signed(each, node.cluster.material) for each in certificates.values()),
        )
    )

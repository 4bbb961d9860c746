"""What a component's spec may depend on: its cluster and its node, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from fairlead_controller.model.cluster_spec import ClusterSpec, ComponentOptions
from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.model.snapshot import Cluster, Material
from fairlead_controller.plan import addresses, catalogue
from fairlead_wire.facts import Facts
from fairlead_wire.task import canonical_json, digest


@dataclass(frozen=True)
class Member:
    """A control plane."""

    name: str
    address: str


@dataclass(frozen=True)
class ClusterContext:
    """Equal to another if `key` is, which is a digest of all the rest: that makes it cheap to memoise by."""

    key: str
    cluster: Cluster = field(compare=False)
    material: Material = field(compare=False, repr=False)
    release: catalogue.Release = field(compare=False)
    members: tuple[Member, ...] = field(compare=False)
    has_workers: bool = field(compare=False)

    @property
    def spec(self) -> ClusterSpec:
        return self.cluster.spec

    def options(self, component: str) -> ComponentOptions:
        return self.spec.spec.components.get(component, ComponentOptions())


@dataclass(frozen=True)
class NodeContext:
    """One node's place in its cluster."""

    cluster: ClusterContext
    name: str
    facts: Facts
    role: NodeRole
    range_index: int

    @property
    def address(self) -> str:
        return self.facts.address

    @property
    def pod_range(self) -> IPv4Network:
        return addresses.pod_range(self.cluster.spec.spec.network, self.range_index)

    @property
    def control_plane(self) -> bool:
        return self.role is NodeRole.CONTROL_PLANE

    @property
    def others(self) -> tuple[Member, ...]:
        """The other control planes."""
        return tuple(member for member in self.cluster.members if member.name != self.name)

    @property
    def tainted(self) -> bool:
        """Whether pods have to tolerate that this is a control plane. `auto`: only while there are workers."""
        wish = self.cluster.spec.spec.control_plane.schedulable
        schedulable = not self.cluster.has_workers if wish == "auto" else wish
        return self.control_plane and not schedulable


def cluster_context(
    cluster: Cluster, material: Material, nodes: Mapping[str, Node], claims: tuple[Claim, ...]
) -> ClusterContext:
    """`nodes` by identifier. Raises catalogue.UnknownRelease."""
    members = tuple(
        sorted(
            (
                Member(nodes[claim.node_id].name, nodes[claim.node_id].address)
                for claim in claims
                if claim.role is NodeRole.CONTROL_PLANE
            ),
            key=lambda member: member.name,
        )
    )
    has_workers = any(claim.role is NodeRole.WORKER for claim in claims)
    release = catalogue.release(cluster.spec.spec.kubernetes)
    key = _key(cluster, material, members, has_workers)
    return ClusterContext(key, cluster, material, release, members, has_workers)


def node_context(cluster: ClusterContext, node: Node, claim: Claim) -> NodeContext:
    return NodeContext(cluster, node.name, node.facts, claim.role, claim.range_index)


def _key(cluster: Cluster, material: Material, members: tuple[Member, ...], has_workers: bool) -> str:
    everything = [
        cluster.spec.model_dump(mode="json"),
        dict(cluster.files),
        {name: digest(content) for name, content in (*material.authorities.items(), *material.secrets.items())},
        [[member.name, member.address] for member in members],
        has_workers,
    ]
    return digest(canonical_json(everything).encode())

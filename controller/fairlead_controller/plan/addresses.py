"""Which address is whose: pod ranges of nodes, fixed addresses among the services, where people find the apiserver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network

from fairlead_controller.model.cluster_spec import ClusterSpec, Network
from fairlead_controller.model.node import Claim, Fleet, NodeRole
from fairlead_controller.plan import ports

APISERVER_OFFSET = 1
"""kube-apiserver takes the first service address for itself."""
DNS_OFFSET = 10


def range_count(network: Network) -> int:
    """How many nodes can have a pod range."""
    return 1 << max(0, network.node_prefix - network.pods.prefixlen)


def pod_range(network: Network, index: int) -> IPv4Network:
    """The pod range with this number. Raises ValueError if there is none."""
    if not 0 <= index < range_count(network):
        raise ValueError(f"{network.pods} has no pod range number {index} of size /{network.node_prefix}")
    size = 1 << (32 - network.node_prefix)
    return IPv4Network((int(network.pods.network_address) + index * size, network.node_prefix))


def lowest_free(taken: Iterable[int], count: int) -> list[int]:
    """The `count` lowest numbers that are not taken, in order."""
    used, found, candidate = set(taken), list[int](), 0
    while len(found) < count:
        if candidate not in used:
            found.append(candidate)
        candidate += 1
    return found


def apiserver_service(network: Network) -> IPv4Address:
    """The address of Service default/kubernetes."""
    return network.services[APISERVER_OFFSET]


def dns_service(network: Network) -> IPv4Address:
    """The address of Service kube-system/kube-dns."""
    return network.services[DNS_OFFSET]


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """ "api.example.com:8443" → ("api.example.com", 8443); the port is 6443 where none is given."""
    host, _, port = endpoint.partition(":")
    return host, int(port) if port else ports.APISERVER


def people_endpoint(spec: ClusterSpec, control_plane_addresses: Sequence[str]) -> str:
    """The https URL that people's kubeconfigs name; empty as long as there is no control plane."""
    if spec.spec.endpoint:
        return ports.url(*split_endpoint(spec.spec.endpoint))
    return ports.url(control_plane_addresses[0], ports.APISERVER) if control_plane_addresses else ""


def control_plane_addresses(claims: Iterable[Claim], fleet: Fleet) -> tuple[str, ...]:
    """Addresses of the control planes among these claims, by node name."""
    wanted = {claim.node_id for claim in claims if claim.role is NodeRole.CONTROL_PLANE}
    members = sorted((node.name, node.address) for node in fleet.nodes if node.id in wanted)
    return tuple(address for _, address in members)

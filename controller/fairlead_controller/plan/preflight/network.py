"""Checks of the network: ports, ranges of addresses, forwarding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from fairlead_controller.plan import catalogue, ports
from fairlead_controller.plan.preflight.case import Case, Fault, error, warning
from fairlead_wire.inspection import Listener, Route

EVERY, NODE = "", "(the node's address)"
DNS_PORT, VXLAN_PORT = 53, 8472
_OUR_DEVICES = ("flannel.", "veth")
"""The overlay, and the host's ends of pods' interfaces, which have addresses with the plugin ptp alone."""
_DOCKER_DEVICES = ("docker", "br-")


@dataclass(frozen=True)
class Wish:
    """A port that a component will listen at: on every address, on the node's own or on 127.0.0.1."""

    port: int
    component: str
    address: str = ports.LOCAL
    protocol: str = "tcp"


EVERYWHERE = (
    Wish(DNS_PORT, catalogue.COREDNS, NODE),
    Wish(DNS_PORT, catalogue.COREDNS, NODE, "udp"),
    Wish(ports.API_PROXY, catalogue.API_PROXY),
    Wish(VXLAN_PORT, catalogue.FLANNEL, EVERY, "udp"),
    Wish(ports.KUBELET_HEALTH, catalogue.KUBELET),
    Wish(ports.KUBE_PROXY_METRICS, catalogue.KUBE_PROXY),
    Wish(ports.KUBELET, catalogue.KUBELET, EVERY),
    Wish(ports.FLANNEL_HEALTH, catalogue.FLANNEL),
    Wish(ports.COREDNS_HEALTH, catalogue.COREDNS),
    Wish(ports.COREDNS_READY, catalogue.COREDNS),
    Wish(ports.KUBE_PROXY_HEALTH, catalogue.KUBE_PROXY, EVERY),
)
CONTROL_PLANE = (
    Wish(ports.ETCD_CLIENT, catalogue.ETCD, ports.LOCAL),
    Wish(ports.ETCD_CLIENT, catalogue.ETCD, NODE),
    Wish(ports.ETCD_PEER, catalogue.ETCD, NODE),
    Wish(ports.ETCD_METRICS, catalogue.ETCD),
    Wish(ports.APISERVER, catalogue.APISERVER, EVERY),
    Wish(ports.CONTROLLER_MANAGER, catalogue.CONTROLLER_MANAGER),
    Wish(ports.SCHEDULER, catalogue.SCHEDULER),
)


def taken_ports(case: Case) -> Iterator[Fault]:
    """Each port that somebody else holds, once."""
    wishes = EVERYWHERE + (CONTROL_PLANE if case.is_control_plane else ())
    said: set[tuple[str, int]] = set()
    for wish in wishes:
        holder = next((each for each in case.seen.listeners if _collides(wish, each, case)), None)
        if holder is not None and (wish.protocol, wish.port) not in said:
            said.add((wish.protocol, wish.port))
            yield _taken(wish, holder)


def _taken(wish: Wish, holder: Listener) -> Fault:
    where = f"[{holder.address}]" if ":" in holder.address else holder.address
    who = holder.process or "the kernel or an unseen process"
    cure = f"Stop {holder.process or 'it'}, or give it another port"
    if wish.port == DNS_PORT:
        cure += "; a resolver for this host alone may listen on 127.0.0.1"
    return error(f"{who} holds {wish.protocol} port {wish.port} ({where}), which {wish.component} needs.", f"{cure}.")


def _collides(wish: Wish, there: Listener, case: Case) -> bool:
    if there.ours or (wish.protocol, wish.port) != (there.protocol, there.port):
        return False
    if case.claimed and wish.port == VXLAN_PORT and not there.process:
        return False  # flannel's own interface: the socket is the kernel's
    wanted = case.node.address if wish.address == NODE else wish.address
    held = ip_address(there.address)
    return wanted == EVERY or held.is_unspecified or str(held) == wanted


def address_ranges(case: Case) -> Iterator[Fault]:
    ranges = (("pods", case.network.pods), ("services", case.network.services))
    for route in case.seen.routes:
        if route.device == "lo" or (case.claimed and route.device.startswith(_OUR_DEVICES)):
            continue
        for name, wanted in ranges:
            yield from _overlap(name, wanted, route)


def _overlap(name: str, wanted: IPv4Network, route: Route) -> Iterator[Fault]:
    there = IPv4Network(route.destination)
    if not there.overlaps(wanted):
        return
    cure = f"Write another range into spec.network.{name}"
    if route.device.startswith(_DOCKER_DEVICES):
        cure += ', or move Docker\'s own with "bip" and "default-address-pools" in /etc/docker/daemon.json'
    if wanted != there and wanted.subnet_of(there):
        yield warning(
            f"spec.network.{name} {wanted} is a part of {there}, which this server reaches by {route.device}; what "
            "is in that part gets out of its reach.",
            f"{cure}, unless nothing is there.",
        )
    else:
        yield error(f"spec.network.{name} {wanted} overlaps {there} on the server's {route.device}.", f"{cure}.")


def forwarding(case: Case) -> Iterator[Fault]:
    if not case.seen.ip_forward:
        yield error(
            "The kernel forwards no packets (net.ipv4.ip_forward is 0), so pods reach nothing outside their node.",
            "Write `net.ipv4.ip_forward = 1` into /etc/sysctl.d/99-kubernetes.conf and run `sysctl --system`.",
        )
    for chain in case.seen.dropping_chains:
        yield warning(
            f"The packet filter drops what it forwards unless a rule accepts it (chain {chain}); flannel accepts what "
            "comes from pods and goes to them, and nothing else gets through.",
            "Set net.ipv4.ip_forward = 1 in /etc/sysctl.d, so that it is on before Docker starts, and boot.",
        )

"""What a lab is like now: its servers, its controller, its registry, its cluster."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_cli.lab import cluster, controller_process, install, kubectl, network, outer, servers, size
from fairlead_cli.lab.names import DEFAULT_SERVERS, Lab


@dataclass(frozen=True)
class Line:
    """One thing of a lab: what, whether it is well, and in words how."""

    what: str
    well: bool
    told: str


def servers_of(name: str) -> Lab:
    """A lab with as many servers as it was brought up with."""
    return Lab(name, size.remembered(name) or DEFAULT_SERVERS)


def status(name: str) -> list[Line]:
    """All lines of a lab's status; a single one when there is no such lab."""
    lab = servers_of(name)
    addresses = network.find(lab)
    if addresses is None:
        return [Line("lab", False, f"there is none; `fairlead lab up{lab.option}` makes one")]
    heard = install.connected(lab) if controller_process.is_up(lab, addresses) else set()
    ready = cluster.ready_nodes(lab) if kubectl.find() and lab.kubeconfig.exists() else set()
    lines = [Line("network", True, f"{lab.network}, {addresses.range}"), registry_line(lab, addresses)]
    lines.append(controller_line(lab, addresses))
    for position, node in enumerate(lab.nodes):
        lines.append(server_line(node, str(addresses.server(position)), node in heard, node in ready))
    return lines


def registry_line(lab: Lab, addresses: network.Addresses) -> Line:
    """How the registry is."""
    runs = outer.is_running(lab.registry)
    return Line("registry", runs, f"{addresses.registry}:5000" if runs else "does not run")


def controller_line(lab: Lab, addresses: network.Addresses) -> Line:
    """How the controller is."""
    number = controller_process.process(lab)
    if number is None:
        return Line("controller", False, f"does not run; log: {controller_process.log(lab)}")
    up = controller_process.is_up(lab, addresses)
    where = f"{addresses.host}:{controller_process.FLEET_PORT}"
    return Line("controller", up, f"{'listens' if up else 'does not listen'} at {where}, process {number}")


def server_line(node: str, address: str, heard: bool, ready: bool) -> Line:
    """How a server is: its Docker, its agent, its node in Kubernetes."""
    version = servers.engine_version(node)
    parts = [address, f"Docker {version}" if version else "Docker does not answer"]
    parts.append("agent connected" if heard else "agent not connected")
    parts.append("node Ready" if ready else "node not Ready")
    return Line(f"server {node}", bool(version) and heard and ready, ", ".join(parts))

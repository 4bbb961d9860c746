"""The lab's network: a range that this machine does not use already, and fixed addresses in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from fairlead_cli.lab import outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError

CANDIDATES = [IPv4Network(f"172.30.{third}.0/24") for third in range(256)]
FIRST_SERVER = 11


@dataclass(frozen=True)
class Addresses:
    """Who has which address in the lab's range."""

    range: IPv4Network

    @property
    def host(self) -> IPv4Address:
        """This machine, where the controller listens."""
        return self.range[1]

    @property
    def registry(self) -> IPv4Address:
        """The registry."""
        return self.range[2]

    def server(self, position: int) -> IPv4Address:
        """The server at a position, counted from 0."""
        return self.range[FIRST_SERVER + position]


def routes(table: str) -> list[IPv4Network]:
    """The destinations in the text of /proc/net/route, the default route left out."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, mask = (IPv4Address(bytes.fromhex(fields[place])[::-1]) for place in (1, 7))
        if int(mask):
            found.append(IPv4Network(f"{address}/{mask}", strict=False))
    return found


def free_range(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first range that overlaps none of those taken. Raises LabError if there is none."""
    used = list(taken)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(other) for other in used):
            return candidate
    raise LabError("no range in 172.30.0.0/16 is free for the lab", "Remove a Docker network or a route there")


def taken_ranges() -> list[IPv4Network]:
    """Every range that this machine routes or that a Docker network has."""
    taken = routes(Path("/proc/net/route").read_text(encoding="ascii"))
    every = outer.docker("network", "ls", "--quiet").split()
    shown = outer.docker("network", "inspect", *every, "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}")
    return taken + [IPv4Network(word) for word in shown.split() if ":" not in word]


def find(lab: Lab) -> Addresses | None:
    """The addresses of a lab's network, None while there is none."""
    found = outer.inspect("network", lab.network)
    return Addresses(IPv4Network(found["IPAM"]["Config"][0]["Subnet"])) if found else None


def addresses(lab: Lab) -> Addresses:
    """The addresses of a lab whose network was made. Raises LabError when it was not."""
    found = find(lab)
    if found is None:
        raise LabError(f"the network {lab.network} is missing", "Run `fairlead lab up`")
    return found


def create(lab: Lab) -> Addresses:
    """Makes the lab's network in a free range."""
    chosen = Addresses(free_range(taken_ranges()))
    options = ["--subnet", str(chosen.range), "--gateway", str(chosen.host), "--label", lab.label]
    bridge = ["--opt", f"com.docker.network.bridge.name={lab.bridge}"]
    outer.docker("network", "create", *options, *bridge, lab.network)
    return chosen

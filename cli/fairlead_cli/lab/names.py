"""What the things of a lab are called: one place, so that `down` finds all that `up` made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.contexts import context_path
from fairlead_cli.lab import machine
from fairlead_cli.lab.processes import LabError

LABEL = "fairlead.lab"
NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")  # an interface's name, `fl-` before it, has at most 15 characters
DEFAULT_SERVERS = 3
MOST_SERVERS = 20
ZONES = "abcdefghijklmnopqrst"  # a letter for each of the servers that a lab may have
VOLUMES = {
    "docker": "/var/lib/docker",
    "kubelet": "/var/lib/kubelet",
    "etcd": "/var/lib/etcd",
    "agent": "/var/lib/fairlead",
}


@dataclass(frozen=True)
class Lab:
    """A lab: its name and how many servers it has. Everything else follows from the name.

    `zones`: in how many zones new servers stand, dealt out in turn; 0 for one each.
    """

    name: str = "lab"
    servers: int = DEFAULT_SERVERS
    zones: int = 0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise LabError(
                f"`{self.name}` cannot be the name of a lab",
                "Use at most 12 small letters, digits and dashes, a letter first",
            )
        if not 1 <= self.servers <= MOST_SERVERS:
            raise LabError(f"a lab has 1 to {MOST_SERVERS} servers, not {self.servers}", "Give another --servers")
        if not 0 <= self.zones <= MOST_SERVERS:
            raise LabError(f"a lab has 1 to {MOST_SERVERS} zones, not {self.zones}", "Give another --zones")

    @property
    def option(self) -> str:
        """What a command for this lab says of its name."""
        return "" if self.name == Lab.name else f" --name {self.name}"

    @property
    def label(self) -> str:
        """The label on every container, network and volume of this lab."""
        return f"{LABEL}={self.name}"

    @property
    def network(self) -> str:
        """The Docker network of the servers."""
        return f"fairlead-{self.name}"

    @property
    def bridge(self) -> str:
        """The host's interface of that network."""
        return f"fl-{self.name}"

    @property
    def registry(self) -> str:
        """The container of the registry that stands in for Docker Hub."""
        return f"{self.name}-registry"

    @property
    def nodes(self) -> list[str]:
        """The servers' names."""
        return [f"{self.name}-{number}" for number in range(1, self.servers + 1)]

    def labels_of(self, node: str) -> dict[str, str]:
        """The labels that a server's token gives it."""
        return {"zone": ZONES[self.nodes.index(node) % (self.zones or MOST_SERVERS)]}

    @property
    def folder(self) -> Path:
        """Where this lab keeps its state on the host."""
        return machine.state_home() / "labs" / self.name

    @property
    def controller_data(self) -> Path:
        """The controller's data folder."""
        return self.folder / "controller"

    @property
    def initialised(self) -> Path:
        """The note that the controller's data were made to the end."""
        return self.folder / "initialised"

    @property
    def owns_context(self) -> Path:
        """The note that the context of this name is the lab's: a fleet of one's own may be called the same."""
        return self.folder / "owns-context"

    @property
    def size_note(self) -> Path:
        """The note of how many servers the lab was brought up with."""
        return self.folder / "servers.count"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the lab's cluster."""
        return self.folder / "kubeconfig"

    @property
    def pushed(self) -> Path:
        """The note of which image was pushed to the registry."""
        return self.folder / "pushed"

    @property
    def walked(self) -> Path:
        """The note that the walk went well on this lab."""
        return self.folder / "walked"

    @property
    def registry_program(self) -> Path:
        """What the controller runs as the fleet's registry."""
        return self.folder / "registry"

    @property
    def context(self) -> Path:
        """The file of the admin context of this lab's controller, where `fairlead --context NAME` looks."""
        return context_path(self.name)

    def volumes_of(self, node: str) -> dict[str, str]:
        """A server's volumes and where it has them."""
        return {f"{node}-{kind}": path for kind, path in VOLUMES.items()}

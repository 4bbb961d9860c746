"""The agent's settings. There is nothing secret among them: the join token is read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fairlead_wire.errors import Invalid

# Where the planner puts what a control plane's agent applies objects with (see fairlead_controller.plan.paths).
OBJECTS_CERTIFICATE = "/etc/kubernetes/pki/agent/client.crt"
OBJECTS_AUTHORITY = "/etc/kubernetes/pki/authorities/ca.crt"
# And what etcd's own tools need inside its container.
ETCD_DIRECTORY = "/var/lib/etcd"
ETCD_ENDPOINT = "https://127.0.0.1:2379"
ETCD_CERTIFICATE = "/etc/kubernetes/pki/etcd/healthcheck-client.crt"
ETCD_AUTHORITY = "/etc/kubernetes/pki/authorities/etcd-ca.crt"


@dataclass(frozen=True)
class Settings:
    """`controller`: host:port of the enrolment listener; `state`: the agent's own directory; `host_root`: where the
    host's `/` is, "" if the agent runs on the host itself; `docker`: URL of the Engine's socket; `address`: by which
    other nodes reach this one, "" for the source address towards the controller."""

    controller: str
    state: Path = Path("/var/lib/fairlead")
    host_root: str = "/host"
    docker: str = "unix:///var/run/docker.sock"
    address: str = ""

    @property
    def controller_host(self) -> str:
        return self.controller.rpartition(":")[0].strip("[]")


def settings(controller: str, state: Path, host_root: str, docker: str, address: str = "") -> Settings:
    """Raises Invalid for an address of a controller that is none."""
    host, _, port = controller.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Invalid(f"{controller!r} is not the address of a controller.", "Write HOST:PORT, for example fleet:7070.")
    return Settings(controller, state, host_root.rstrip("/"), docker, address)


def agent_version() -> str:
    try:
        return version("fairlead")
    except PackageNotFoundError:
        return "unknown"

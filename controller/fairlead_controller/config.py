"""The controller's settings: what its command line says, checked."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fairlead_wire.errors import Invalid, Missing

if TYPE_CHECKING:
    from fairlead_controller.ports import Clock

ENROL_PORT = 7070
FLEET_PORT = 7071
REGISTRY_PORT = 7072
REGISTRY = "registry"
DATA = Path("/var/lib/fairlead-controller")
LogFormat = Literal["console", "json"]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


@dataclass(frozen=True)
class Serving:
    """What `serve` needs. Ports of 0 are those that `init` wrote down; `registry`: the program, None for none."""

    data: Path
    listen: str = "0.0.0.0"  # noqa: S104  # agents come from everywhere; both listeners are TLS
    enrol_port: int = 0
    fleet_port: int = 0
    registry: Path | None = None
    registry_port: int = REGISTRY_PORT


def registry_program(given: str) -> Path | None:
    """The registry's program: the given one, or the one on the PATH if there is one.

    Raises Missing if what was given is no program.
    """
    found = shutil.which(given or REGISTRY)
    if given and found is None:
        raise Missing(
            f"There is no program {given}.",
            "Give the CNCF registry's with --registry (it is /bin/registry in its image), or leave that out.",
        )
    return Path(found).resolve() if found else None


def system_clock() -> Clock:
    """The machine's time and randomness."""
    from fairlead_controller.ports import Clock  # brings all of `model` with it, which `--help` has no use for

    return Clock(time.time, os.urandom)


def endpoint(host: str, port: int) -> str:
    """host:port, an IPv6 address in brackets. Raises Invalid for what is neither a host name nor an address."""
    check_port(port)
    bare = host.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(bare)
    except ValueError:
        if not _HOST.fullmatch(host) or len(host) > 253:
            raise Invalid(
                f"{host!r} is neither a host name nor an address.",
                "Give the name or address by which servers and people reach this controller, without a port.",
            ) from None
        return f"{host}:{port}"
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def host_of(endpoint: str) -> str:
    """The host of host:port, an IPv6 address without its brackets."""
    return endpoint.rpartition(":")[0].removeprefix("[").removesuffix("]")


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def check_port(port: int) -> None:
    """Raises Invalid unless it is a port that something can listen on."""
    if not 1 <= port <= 65535:
        raise Invalid(f"{port} is not a port.", "Give a number from 1 to 65535.")


def default_context(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where `fairlead` on this machine looks for its contexts."""
    configured = environment.get("FAIRLEAD_CONFIG")
    folder = Path(configured) if configured else Path.home() / ".config" / "fairlead"
    return folder / "contexts" / f"{name.replace(':', '-').strip('[]')}.json"

"""The lab's servers: containers that each run a Docker Engine of their own, as a plain server would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from fairlead_cli.lab import engine, machine, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.network import Addresses
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.wait import until

RUNTIME_PATH = "/usr/local/bin/fairlead-lab-runtime"  # the image's entry point gives dockerd what lies there
START_SECONDS = 60.0


def daemon_settings(registry: IPv4Address, resolvers: list[str]) -> dict[str, Any]:
    """The settings of a server's dockerd.

    The registry stands in for Docker Hub. Live restore is on, as the documentation asks of a real server. Docker's
    own resolver cannot be reached from containers in containers, so those get the machine's resolvers.
    """
    settings: dict[str, Any] = {
        "registry-mirrors": [f"http://{registry}:5000"],
        "live-restore": True,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "log-level": "warn",
    }
    if resolvers:
        settings["dns"] = resolvers
    return settings


def resolvers_of(text: str) -> list[str]:
    """The resolvers of a resolv.conf that a container can reach: all but those on the loopback interface."""
    lines = [line.split() for line in text.splitlines()]
    found = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return [address for address in found if not address.startswith("127.") and ":" not in address]


def write_files(lab: Lab, node: str, registry: IPv4Address) -> Path:
    """Writes the files that a server gets before its first start; the folder that stands for its root."""
    root = lab.folder / "servers" / node
    resolvers = resolvers_of(Path("/etc/resolv.conf").read_text(encoding="utf-8"))
    settings = root / "etc" / "docker" / "daemon.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(daemon_settings(registry, resolvers), indent=2) + "\n", "utf-8")
    if machine.needs_eased_runtime():
        runtime = root / RUNTIME_PATH.lstrip("/")
        runtime.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(engine.RUNTIME_SOURCE, runtime)
        runtime.chmod(0o755)
    return root


def create_words(lab: Lab, node: str, address: IPv4Address, image: str) -> list[str]:
    """The `docker create` line of a server."""
    words = ["create", "--privileged", "--name", node, "--hostname", node, "--label", lab.label]
    words += ["--network", lab.network, "--ip", str(address), "--tmpfs", "/run", "--tmpfs", "/tmp:exec"]  # noqa: S108
    for volume, path in lab.volumes_of(node).items():
        words += ["--volume", f"{volume}:{path}"]
    if Path("/lib/modules").is_dir():
        words += ["--volume", "/lib/modules:/lib/modules:ro"]
    return [*words, image]


def create(lab: Lab, node: str, addresses: Addresses, image: str, fill: Callable[[str], object]) -> None:
    """Makes a server, not yet started: its volumes, its container, its files. `fill` gets the volume of its Docker."""
    root = write_files(lab, node, addresses.registry)
    for volume in lab.volumes_of(node):
        outer.docker("volume", "create", "--label", lab.label, volume)
    fill(f"{node}-docker")
    address = addresses.server(lab.nodes.index(node))
    outer.docker(*create_words(lab, node, address, image))
    outer.docker("cp", f"{root}/.", f"{node}:/")


def engine_version(node: str) -> str | None:
    """The version of the Docker Engine that answers on a server, None if none does."""
    result = outer.in_node(node, "docker version --format '{{.Server.Version}}'", timeout=15)
    return result.output.strip() if result.ok and result.output.strip() else None


def start(node: str) -> str:
    """Starts a server and waits for its Docker Engine; the Engine's version."""
    outer.docker("start", node, advice=f"`docker logs {node}` tells more")
    return until(
        lambda: living_version(node),
        what=f"the Docker Engine of {node} answers",
        timeout=START_SECONDS,
        advice=lambda: f"The server's log ends with:\n{outer.logs(node)}",
    )


def living_version(node: str) -> str | None:
    """The version of a server's Engine, None while it starts.

    Raises LabError when the server has stopped already: no use in waiting for it.
    """
    if not outer.is_running(node):
        raise LabError(f"{node} stopped at once", f"The server's log ends with:\n{outer.logs(node)}")
    return engine_version(node)


def is_up(node: str) -> bool:
    """Whether a server runs and its Docker Engine answers."""
    return outer.is_running(node) and engine_version(node) is not None


def ensure(lab: Lab, node: str, addresses: Addresses, image: str, fill: Callable[[str], object]) -> str:
    """A server that runs, made or started if need be; the version of its Docker Engine."""
    machine.raise_watches()
    if outer.inspect("container", node) is None:
        create(lab, node, addresses, image, fill)
    return start(node)

"""docs/servers.md, walked on a bare server: the controller in a container there, managing that very server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fairlead_cli.images.builder import Builder
from fairlead_cli.lab import bringup, down, front, network, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.progress import display_for
from fairlead_cli.lab.spec import spec_for
from fairlead_cli.lab.steps import run
from fairlead_cli.lab.wait import until

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"
LAB = Lab("own", servers=1)
NODE = LAB.nodes[0]
LEFT_OUT = {"controller", f"agent {NODE}", "kubectl", "cluster", "walk"}
IMAGES = ("agent", "controller")
CONTROLLER = "fairlead-controller"


def documented(start: str, address: str) -> str:
    """The shell block of the page that begins so, with this server's address for the example's."""
    text = PAGE.read_text(encoding="utf-8").replace("192.0.2.10", address)
    [block] = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if block.startswith(start)]
    return str(block)


class Server:
    """A bare server, and a person beside it with the context that `init` wrote there."""

    def __init__(self, folder: Path) -> None:
        self.address = str(network.addresses(LAB).server(0))
        self.config = folder

    def shell(self, script: str, timeout: float = 120) -> str:
        """What root's shell on the server prints; a token goes in as if pasted."""
        done = outer.try_docker("exec", "-i", NODE, "sh", "-e", timeout=timeout, stdin=script)
        assert done.ok, done.errors
        return done.output

    def fairlead(self, *words: str, timeout: float = 300) -> str:
        line, env = [str(front.command("fairlead")), *words], {**os.environ, "FAIRLEAD_CONFIG": str(self.config)}
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def answers(self) -> bool:
        """Whether a controller answers this person."""
        env = {**os.environ, "FAIRLEAD_CONFIG": str(self.config)}
        line = [str(front.command("fairlead")), "fleet", "show"]
        return subprocess.run(line, capture_output=True, timeout=60, check=False, env=env).returncode == 0

    def json(self, *words: str) -> Any:
        return json.loads(self.fairlead(*words, "-o", "json"))

    def take_context(self) -> None:
        """From the server's root to this person."""
        kept = self.config / "contexts" / "own.json"
        kept.parent.mkdir(parents=True)
        kept.write_text(self.shell("cat ~/.config/fairlead/contexts/*.json"))
        kept.chmod(0o600)
        self.fairlead("context", "use", "own")

    def containers(self) -> dict[str, tuple[str, str]]:
        """Identifier and start of what runs, by name."""
        listed = self.shell("docker ps -q").split()
        found = json.loads(self.shell(f"docker inspect {' '.join(listed)}")) if listed else []
        return {one["Name"].lstrip("/"): (one["Id"], one["State"]["StartedAt"]) for one in found}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with Docker and images, and nothing else."""
    down.down(LAB)
    steps = [step for step in bringup.steps(LAB) if step.name not in LEFT_OUT]
    with display_for(Console(quiet=True), steps) as display:
        run(steps, display)
    for image in Builder().build(IMAGES).values():
        outer.load(NODE, image.archive, 300.0)
    yield Server(tmp_path / "config")
    down.down(LAB)


def test_a_controller_in_a_container_manages_the_server_that_it_runs_on(server: Server) -> None:
    server.shell(documented("mkdir -p ~/.config/fairlead\ndocker run --rm", server.address))
    server.shell(documented("docker run -d --name fairlead-controller", server.address))
    server.take_context()
    logs = partial(server.shell, "docker logs fairlead-controller 2>&1 | tail")
    until(server.answers, what="the controller answers", timeout=60, advice=logs)
    server.shell(server.json("token", "create", "--cluster", LAB.name)["command"])
    until(
        lambda: [node for node in server.json("node", "ls") if node["state"] == "reachable"],
        what="the server has joined",
        timeout=60,
        advice=lambda: server.shell("docker logs fairlead-agent 2>&1 | tail"),
    )
    before = server.containers()
    assert set(before) == {CONTROLLER, "fairlead-agent"}

    server.fairlead("apply", "-f", str(spec_for(LAB)), timeout=600)
    running = server.containers()
    assert {"fairlead-etcd", "fairlead-kubelet", CONTROLLER} <= set(running)
    [node] = server.json("node", "ls")
    assert node["orphans"] == [], "the controller is none"

    server.fairlead("cluster", "delete", LAB.name, "--yes", LAB.name, "--destroy-data", timeout=600)
    assert server.containers() == before
    assert server.json("cluster", "ls") == []
    assert server.json("fleet", "show")["connected_nodes"] == 1
    assert "fairlead.db" in server.shell("ls /var/lib/fairlead-controller")

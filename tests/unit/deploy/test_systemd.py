"""The units run exactly what the documentation and `fairlead token create` say, and nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fairlead_agent.runtime.container_spec import CLUSTER_LABEL, COMPONENT_LABEL
from fairlead_agent.runtime.port import PROTECTED
from fairlead_controller.api.parts import agent_image
from fairlead_controller.api.tokens import join_command
from fairlead_controller.config import DATA

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "deploy" / "systemd"


def value(name: str, key: str) -> str:
    """The value of a key that the unit has once."""
    [line] = [line for line in (UNITS / name).read_text().splitlines() if line.startswith(f"{key}=")]
    return line.partition("=")[2]


def command(name: str) -> list[str]:
    """The words of the unit's `docker run`, with `docker` as people type it."""
    words = shlex.split(value(name, "ExecStart"))
    assert words[0] == "/usr/bin/docker"
    return ["docker", *words[1:]]


def documented(start: str) -> list[str]:
    """The words of the line of docs/servers.md that begins so, put together where it is broken."""
    text = re.sub(r" *\\\n *", " ", (ROOT / "docs" / "servers.md").read_text(encoding="utf-8"))
    [line] = [line.strip() for line in text.splitlines() if line.strip().startswith(start)]
    return shlex.split(line)


def test_the_agents_unit_runs_what_token_create_prints() -> None:
    printed = join_command("TOKEN", "${CONTROLLER}", agent_image()).rpartition(" && ")[2]
    assert command("fairlead-agent.service") == shlex.split(printed)


def test_the_controllers_unit_runs_what_the_documentation_says() -> None:
    words = command("fairlead-controller.service")
    assert words == documented("docker run -d --name fairlead-controller")
    assert f"{DATA}:{DATA}" in words
    assert words[-2] == agent_image().replace("agent", "controller")


@pytest.mark.parametrize("name", ["fairlead-agent.service", "fairlead-controller.service"])
def test_their_containers_are_no_agents_to_remove(name: str) -> None:
    words = command(name)
    labels = [words[place + 1].partition("=")[0] for place, word in enumerate(words) if word == "--label"]
    assert len(labels) == 1
    assert set(labels) <= set(PROTECTED)
    assert not {CLUSTER_LABEL, COMPONENT_LABEL} & set(labels)


@pytest.mark.parametrize("name", ["fairlead-agent.service", "fairlead-controller.service"])
def test_no_secret_is_in_a_unit(name: str) -> None:
    text = (UNITS / name).read_text()
    assert "FLT1" not in text
    assert "-e " not in text
    assert "--env" not in text

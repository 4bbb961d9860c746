"""The outer Engine, through the ordinary docker client: the calls that the rooms of the lab share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairlead_cli.lab.processes import LabError, Result, attempt, require

CALL_SECONDS = 60.0
ADVICE = "`fairlead lab down` clears the lab away; then try `fairlead lab up` again"


def docker(*words: str, timeout: float = CALL_SECONDS, advice: str = ADVICE, stdin: str | None = None) -> str:
    """A docker command that must end well; what it printed."""
    return require(["docker", *words], timeout=timeout, advice=advice, stdin=stdin)


def try_docker(*words: str, timeout: float = CALL_SECONDS, stdin: str | None = None) -> Result:
    """A docker command that may fail."""
    return attempt(["docker", *words], timeout=timeout, stdin=stdin)


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """What Docker knows of a container, image, network or volume, None when there is no such thing.

    Raises LabError when Docker does not answer.
    """
    result = try_docker(kind, "inspect", name)
    if result.ok:
        found: list[dict[str, Any]] = json.loads(result.output)
        return found[0]
    if "no such" in result.errors.lower() or "not found" in result.errors.lower():
        return None
    raise LabError(f"Docker does not tell about {kind} {name}: {result.last_words}", ADVICE)


def is_running(container: str) -> bool:
    """Whether a container is there and runs."""
    found = inspect("container", container)
    return bool(found and found["State"]["Running"])


def names(kind: str, label: str) -> list[str]:
    """The names of all containers, networks or volumes that carry a label."""
    every = ["--all"] if kind == "container" else []
    field = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return docker(kind, "ls", *every, "--filter", f"label={label}", "--format", field).split()


def load(node: str, archive: Path, timeout: float) -> None:
    """Loads an image archive into a server's Docker."""
    words = ["docker", "exec", "-i", node, "docker", "load", "--quiet"]
    require(words, timeout=timeout, advice=f"Is the disk full? `docker exec {node} df -h` tells", file=archive)


def in_node(node: str, script: str, *, timeout: float = CALL_SECONDS, stdin: str | None = None) -> Result:
    """Runs a shell script on a server, as an administrator would over a terminal."""
    interactive = ["-i"] if stdin is not None else []
    return try_docker("exec", *interactive, node, "sh", "-c", script, timeout=timeout, stdin=stdin)


def logs(container: str, lines: int = 8) -> str:
    """The last lines that a container wrote, for a message."""
    result = try_docker("logs", "--tail", str(lines), container)
    return (result.output + result.errors).strip() or "(it wrote nothing)"

"""Installs the agent on a server exactly as the documentation says for a real one."""

from __future__ import annotations

import json
import time
from threading import Lock

from fairlead_cli.lab import front, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.wait import until

AGENT = "fairlead-agent"
START = "docker run "
POLICY = 'mkdir -p /var/lib/fairlead && echo \'{"docker": "full"}\' > /var/lib/fairlead/policy.json'
"""Of the lab's servers: all Docker commands for people. Other servers allow those that change nothing."""
INSTALL_SECONDS = 60.0
ENROL_SECONDS = 60.0
HEARD_SECONDS = 0.5  # between two looks: each is a program of its own, and several servers join at once


def is_installed(lab: Lab, node: str, image_id: str) -> bool:
    """Whether the agent runs on a server, of that image, and the controller hears it."""
    return agent_runs(node, image_id) and node in connected(lab)


def agent_runs(node: str, image_id: str) -> bool:
    """Whether the agent's container runs on a server, of that image."""
    form = "{{.State.Running}} {{.Image}}"
    shown = outer.in_node(node, f"docker inspect --format '{form}' {AGENT}", timeout=15)
    return shown.ok and shown.output.split() == ["true", image_id]


def connected(lab: Lab) -> set[str]:
    """The names of the nodes whose agents the controller hears."""
    return {name_of(node) for node in nodes(lab) if is_heard(node)}


def enrolled(lab: Lab) -> set[str]:
    """The names of all nodes that the controller knows."""
    return {name_of(node) for node in nodes(lab)}


def nodes(lab: Lab) -> list[dict[str, str]]:
    """What the controller tells about the nodes of its fleet, nothing while it does not answer."""
    return LOOK.at(lab)


class SharedLook:
    """One call of `fairlead node ls` for all who ask at the same time, as the steps of several servers do."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._began = -1.0
        self._found: list[dict[str, str]] = []

    def at(self, lab: Lab) -> list[dict[str, str]]:
        """What a call found that began after this one."""
        asked = time.monotonic()
        with self._lock:
            if self._began < asked:
                self._began = time.monotonic()
                result = front.try_fairlead(lab, "node", "ls", "-o", "json", timeout=15)
                self._found = json.loads(result.output) if result.ok else []
            return self._found


LOOK = SharedLook()


def name_of(node: dict[str, str]) -> str:
    """A node's name, without the collection that it is in."""
    return node["name"].rpartition("/")[2]


def is_heard(node: dict[str, str]) -> bool:
    """Whether a node's agent has a session now."""
    return node["state"] == "reachable"


def install(lab: Lab, node: str, image_id: str) -> None:
    """Runs on the server the lines that `fairlead token create` prints, once its owner has written the policy.

    An agent of another build makes room for a new container; the node is enrolled already, so that needs no token.
    """
    if agent_runs(node, image_id):
        return
    outer.in_node(node, f"docker rm --force {AGENT}")
    paste(node, POLICY)
    kept = lab.folder / "servers" / f"{node}.agent"
    if kept.exists() and node in enrolled(lab):
        paste(node, kept.read_text(encoding="utf-8"))
        return
    labels = [word for pair in lab.labels_of(node).items() for word in ("--label", "=".join(pair))]
    token = front.fairlead_json(lab, "token", "create", "--cluster", lab.name, *labels)
    paste(node, token["command"])
    kept.write_text(without_token(token["command"]), encoding="utf-8")


def without_token(command: str) -> str:
    """The part of the install line that starts the agent: before it, the token is put into a file."""
    return command[command.index(START) :]


def paste(node: str, lines: str) -> None:
    """Runs lines on a server by standard input: a token in them is a secret, and a command line no place for one."""
    done = outer.try_docker("exec", "-i", node, "sh", "-e", timeout=INSTALL_SECONDS, stdin=lines)
    if not done.ok:
        raise LabError(f"the agent did not start on {node}: {done.last_words}", f"`docker logs {node}` tells more")


def ensure(lab: Lab, node: str, image_id: str) -> str:
    """An agent on the server, of that image, that the controller hears."""
    install(lab, node, image_id)
    until(
        lambda: node in connected(lab),
        what=f"the controller hears the agent of {node}",
        timeout=ENROL_SECONDS,
        advice=lambda: f"The agent's log ends with:\n{agent_log(node)}",
        period=HEARD_SECONDS,
    )
    return "installed and connected"


def agent_log(node: str) -> str:
    """The last lines of an agent's log."""
    shown = outer.in_node(node, f"docker logs --tail 8 {AGENT} 2>&1", timeout=15)
    return shown.output.strip() or shown.last_words

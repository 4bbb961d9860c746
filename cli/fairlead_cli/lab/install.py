"""Installs the agent on a server exactly as the documentation says for a real one."""

from __future__ import annotations

from fairlead_cli.lab import front, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.wait import until

AGENT = "fairlead-agent"
INSTALL_SECONDS = 60.0
ENROL_SECONDS = 60.0


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
    return {node["name"].rpartition("/")[2] for node in nodes(lab) if is_heard(node)}


def nodes(lab: Lab) -> list[dict[str, str]]:
    """What the controller tells about the nodes of its fleet, nothing while it does not answer."""
    if not front.try_fairlead(lab, "node", "ls", "-o", "json", timeout=15).ok:
        return []
    found: list[dict[str, str]] = front.fairlead_json(lab, "node", "ls")
    return found


def is_heard(node: dict[str, str]) -> bool:
    """Whether a node's agent has a session now."""
    return node["state"] == "reachable"


def install(lab: Lab, node: str, image_id: str) -> None:
    """Runs on the server the lines that `fairlead token create` prints.

    They go in by standard input, as if pasted: the token in them is a secret, and a command line is no place for one.
    An agent of another build makes room; what it knows lies in /var/lib/fairlead and stays.
    """
    if agent_runs(node, image_id):
        return
    outer.in_node(node, f"docker rm --force {AGENT}")
    token = front.fairlead_json(lab, "token", "create", "--cluster", lab.name)
    done = outer.try_docker("exec", "-i", node, "sh", "-e", timeout=INSTALL_SECONDS, stdin=token["command"])
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
    )
    return "installed and connected"


def agent_log(node: str) -> str:
    """The last lines of an agent's log."""
    shown = outer.in_node(node, f"docker logs --tail 8 {AGENT} 2>&1", timeout=15)
    return shown.output.strip() or shown.last_words

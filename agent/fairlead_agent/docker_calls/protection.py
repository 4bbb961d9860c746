"""Fairlead's own containers: how they are known, and what is refused to people unless they force it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fairlead_agent.runtime.container_spec import CLUSTER_LABEL, COMPONENT_LABEL
from fairlead_agent.runtime.port import PROTECTED
from fairlead_wire.errors import Invalid, Refused

PREFIX = "fairlead."
"""Of our labels."""
NAMES = "fairlead-"
"""How names of our containers begin."""


def part_of(labels: Mapping[str, str] | None) -> str:
    """What of Fairlead a container is: a component's name, "agent", "controller"; "" for all others."""
    held = labels or {}
    if component := held.get(COMPONENT_LABEL):
        return component
    return next((label.removeprefix(PREFIX) for label in PROTECTED if label in held), "")


def check(inspected: Mapping[str, Any], verb: str, node: str, force: bool) -> None:
    """Raises Refused if somebody wants to `verb` ("stop", "restart", "remove", "pause") one of ours, unless forced."""
    labels = inspected["Config"].get("Labels") or {}
    part, name = part_of(labels), inspected["Name"].lstrip("/")
    if not part or force:
        return
    cluster = labels.get(CLUSTER_LABEL, "")
    of = f" of the cluster {cluster}" if cluster else ""
    raise Refused(
        f"The container {name} is Fairlead's own {part}{of}; Fairlead keeps it running.",
        f"{_instead(part, cluster, node)}; to {verb} it all the same, use --force.",
    )


def check_new(name: str, labels: Iterable[str]) -> None:
    """Raises Invalid for a container that would look like one of ours: we would take it for an orphan."""
    taken = sorted(label for label in labels if label.startswith(PREFIX))
    if taken:
        raise Invalid(
            f"The label {taken[0]} is one of Fairlead's own.", f"Choose labels that do not begin with `{PREFIX}`."
        )
    if name.startswith(NAMES):
        raise Invalid(
            f"{name} is a name for Fairlead's own containers.", f"Choose one that does not begin with `{NAMES}`."
        )


def _instead(part: str, cluster: str, node: str) -> str:
    """The command that does what the person may have wanted."""
    if part == "agent":
        return f"On the server {node} itself, `docker restart fairlead-agent` restarts it"
    if part == "controller":
        return f"On the server {node} itself, `docker restart fairlead-controller` restarts it"
    if part == "seed":
        return (
            f"It gives images to the nodes of its zone; with `fleet_images` false in its policy, {node} does no longer"
        )
    return (
        f"Change what runs with `fairlead apply -f cluster.yaml`, or take it all away with "
        f"`fairlead cluster delete {cluster or 'NAME'}`"
    )

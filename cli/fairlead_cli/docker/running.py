"""What `docker run` does on a node: the image, the container, its start, and talking with it until it ends."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format
from fairlead_cli.docker.container_spec import command_failure, tagged
from fairlead_cli.docker.fanout import Outcome, Prefix, each, named
from fairlead_cli.docker.nodes import Wanted, choose, resource
from fairlead_cli.docker.progress import Message
from fairlead_cli.docker.pull import Show, fetch, outcomes_json, screen
from fairlead_cli.docker.talk import Talk
from fairlead_cli.docker.terminal import window_size
from fairlead_cli.render.console import note, say
from fairlead_cli.render.errors import show
from fairlead_wire.errors import FairleadError, Invalid, Missing

# Docker makes a container and its file system within seconds, on a busy node too.
CREATE_SECONDS = 60.0
START_SECONDS = 60.0
# It is killed after its own time to stop.
STOP_SECONDS = 600.0

REFUSED = 125


class Pull(StrEnum):
    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class How:
    """What runs, on which nodes, when its image is pulled, and how the result is told."""

    spec: docker_pb2.ContainerSpec
    pull: Pull
    where: Wanted
    output: Format = Format.TABLE


async def run_detached(client: Client, how: How) -> int:
    """On each node; the exit code. Tells the identifiers."""
    nodes = await choose(client, how.where)
    prefix, shown = Prefix(nodes), screen(sys.stderr)

    async def one(node: str) -> str:
        identifier = await create(client, node, how, lambda message: shown.show(message, prefix(node)))
        request = docker_pb2.StartContainerRequest(node=resource(node), container=identifier)
        try:
            await client.call(client.docker.StartContainer, request, START_SECONDS)
        except FairleadError:
            if how.output is Format.TABLE:
                say(f"{prefix(node)}{identifier}")  # as Docker, which leaves it: the person may look at it
            raise
        return identifier

    outcomes: list[Outcome[str]] = []
    async for batch in each(nodes, one):
        outcomes += batch
        for outcome in batch:
            if outcome.error:
                show(outcome.error)
            elif how.output is Format.TABLE:
                say(f"{prefix(outcome.node)}{outcome.value}")
    if how.output is Format.JSON:
        say(outcomes_json(outcomes, nodes))
    return max((command_failure(outcome.error) for outcome in outcomes if outcome.error), default=0)


async def run_here(client: Client, how: How) -> int:
    """With this terminal, until it ends; its exit code. Raises Invalid for several nodes."""
    nodes = await choose(client, how.where)
    if len(nodes) > 1:
        raise Invalid(
            "On several nodes a container can only run in the background.", "Add -d, or name one with --node."
        )
    node = nodes[0]
    try:
        identifier = await create(client, node, how, screen(sys.stderr).show)
        return await _talk(client, node, identifier, how.spec.stdin)
    except FairleadError as error:
        show(named(error, node))
        return command_failure(error)


async def _talk(client: Client, node: str, identifier: str, stdin: bool) -> int:
    target = docker_pb2.AttachTarget(
        node=resource(node), container=identifier, start=True, stdin=stdin, size=window_size()
    )

    async def stop() -> None:
        request = docker_pb2.StopContainerRequest(node=resource(node), container=identifier, seconds=-1)
        await client.call(client.docker.StopContainer, request, STOP_SECONDS)

    return (await Talk(client, target, interrupted=stop).hold()).code


async def create(client: Client, node: str, how: How, progress: Show) -> str:
    """The identifier of the new container. An image that is not there is pulled first, as `pull` says."""
    request = docker_pb2.CreateContainerRequest(node=resource(node), container=how.spec)
    reference = tagged(how.spec.image)
    if how.pull is Pull.ALWAYS:
        await fetch(client, node, reference, progress)
    try:
        answer = await client.call(client.docker.CreateContainer, request, CREATE_SECONDS)
    except Missing as error:
        if how.pull is Pull.NEVER or "image" not in error.message.lower():
            raise
        progress(_unfound(reference))
        await fetch(client, node, reference, progress)
        answer = await client.call(client.docker.CreateContainer, request, CREATE_SECONDS)
    for warning in answer.warnings:
        note(f"WARNING: {warning}")
    return str(answer.id)


def _unfound(reference: str) -> Message:
    return {"stream": f"Unable to find image '{reference}' locally\n"}

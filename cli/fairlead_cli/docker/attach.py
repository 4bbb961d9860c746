"""`fairlead docker attach`: this terminal becomes that of a running container's process."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import run, single
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.fanout import named
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose_one, resource, wanted
from fairlead_cli.docker.talk import Ended, Talk
from fairlead_cli.docker.terminal import STDIN, window_size
from fairlead_cli.render.console import note
from fairlead_wire.errors import FairleadError, Invalid, Refused

app = single()


@docker_command(app, "fairlead docker attach --node web-1 shell", "fairlead docker attach --no-stdin a")
def attach(
    context: typer.Context,
    container: Annotated[str, typer.Argument(metavar="CONTAINER", help="Name or identifier.")],
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Send nothing of what is typed.")] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
) -> None:
    """Attach this terminal to a running container. Ctrl-P Ctrl-Q leaves it again, and it goes on."""

    async def work(client: Client) -> int:
        chosen = await choose_one(client, wanted(node, cluster, all_nodes))
        return await attach_to(client, chosen, container, stdin=not no_stdin)

    raise typer.Exit(run(context, work))


async def attach_to(client: Client, node: str, container: str, *, stdin: bool, start: bool = False) -> int:
    """The exit code of its process, or Docker's 1 for one that was left. Raises FairleadError that names the node."""
    try:
        found = await _look(client, node, container)
        if not start and not found["State"]["Running"]:
            raise Refused(
                f"The container {container} does not run.", f"Start it first: `fairlead docker start -ai {container}`."
            )
        stdin = stdin and found["Config"]["OpenStdin"]
        check_terminal(found["Config"]["Tty"], stdin)
        target = docker_pb2.AttachTarget(
            node=resource(node), container=found["Id"], start=start, stdin=stdin, size=window_size()
        )
        ended = await Talk(client, target).hold()
    except FairleadError as error:
        raise named(error, node) from None
    return exit_code(ended)


async def _look(client: Client, node: str, container: str) -> dict[str, Any]:
    request = docker_pb2.InspectDockerRequest(
        node=resource(node), object=container, type=docker_pb2.DOCKER_OBJECT_CONTAINER
    )
    answer = await client.call(client.docker.InspectDocker, request)
    found: dict[str, Any] = json.loads(answer.json)
    return found


def check_terminal(terminal: bool, stdin: bool) -> None:
    """Raises Invalid, as Docker does, for a process that would wait for keys where nobody can press any."""
    if terminal and stdin and not os.isatty(STDIN):
        raise Invalid("The input device is not a TTY.", "Leave out -t, or call it from a terminal.")


def exit_code(ended: Ended) -> int:
    """As Docker's client: leaving by keys is told, and is no success of the process."""
    if ended.left:
        note("read escape sequence")
        return 1
    return ended.code

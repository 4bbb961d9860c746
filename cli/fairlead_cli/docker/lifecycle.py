"""`fairlead docker start|stop|restart|rm`: several containers, on several nodes, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker.attach import attach_to
from fairlead_cli.docker.command import LARGEST, docker_command
from fairlead_cli.docker.fanout import Prefix, end, error_json, named
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, Wanted, choose, choose_one, resource, wanted
from fairlead_cli.render.console import say
from fairlead_cli.render.errors import show
from fairlead_cli.render.plain import json_text
from fairlead_wire.errors import FairleadError, Invalid

# A container may say itself how long it takes to stop, and Docker waits that long.
OWN_SECONDS = 600.0
# What Docker needs beside the wait for the process: a busy node unmounts and disconnects for a while.
MORE_SECONDS = 60.0

Containers = Annotated[list[str], typer.Argument(metavar="CONTAINER", help="Names or identifiers.")]
Seconds = Annotated[
    int,
    typer.Option(
        "--time", "--timeout", "-t", min=-1, max=LARGEST, help="Seconds before it is killed; -1: the container's own."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Also if it is one of Fairlead's own; only for admins.")]

start_app, stop_app, restart_app, rm_app = single(), single(), single(), single()


@docker_command(
    start_app, "fairlead docker start --node web-1 shop cache", "fairlead docker start -ai --node web-1 shell"
)
def start(
    context: typer.Context,
    containers: Containers,
    attach: Annotated[bool, typer.Option("--attach", "-a", help="Show what it writes, and end as it ends.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Start containers that are stopped."""
    where = wanted(node, cluster, all_nodes)
    if attach or interactive:
        _start_attached(context, where, containers, interactive)
        return

    async def change(client: Client, node: str, container: str) -> None:
        request = docker_pb2.StartContainerRequest(node=resource(node), container=container)
        await client.call(client.docker.StartContainer, request, MORE_SECONDS)

    _change_all(context, where, containers, change, output)


@docker_command(stop_app, "fairlead docker stop --node web-1 shop", "fairlead docker stop --all -t 30 shop cache")
def stop(
    context: typer.Context,
    containers: Containers,
    seconds: Seconds = -1,
    force: Force = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Stop containers that run: first a signal, and after a while the end."""

    async def change(client: Client, node: str, container: str) -> None:
        request = docker_pb2.StopContainerRequest(
            node=resource(node), container=container, seconds=seconds, force=force
        )
        await client.call(client.docker.StopContainer, request, _patience(seconds))

    _change_all(context, wanted(node, cluster, all_nodes), containers, change, output)


@docker_command(restart_app, "fairlead docker restart --node web-1 shop", "fairlead docker restart --all -t 5 shop")
def restart(
    context: typer.Context,
    containers: Containers,
    seconds: Seconds = -1,
    force: Force = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Stop containers and start them again."""

    async def change(client: Client, node: str, container: str) -> None:
        request = docker_pb2.RestartContainerRequest(
            node=resource(node), container=container, seconds=seconds, force=force
        )
        await client.call(client.docker.RestartContainer, request, _patience(seconds))

    _change_all(context, wanted(node, cluster, all_nodes), containers, change, output)


@docker_command(rm_app, "fairlead docker rm --node web-1 shop", "fairlead docker rm -fv --cluster lab shop cache")
def rm(
    context: typer.Context,
    containers: Containers,
    kill: Annotated[bool, typer.Option("-f", "--kill", help="Also if it runs: it is killed.")] = False,
    volumes: Annotated[bool, typer.Option("--volumes", "-v", help="Its anonymous volumes as well.")] = False,
    force: Force = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Remove containers. Docker's own --force is -f here: --force is for Fairlead's own containers."""

    async def change(client: Client, node: str, container: str) -> None:
        request = docker_pb2.RemoveContainerRequest(
            node=resource(node), container=container, kill=kill, volumes=volumes, force=force
        )
        await client.call(client.docker.RemoveContainer, request, MORE_SECONDS)

    _change_all(context, wanted(node, cluster, all_nodes), containers, change, output)


Change = Callable[[Client, str, str], Awaitable[None]]


@dataclass(frozen=True)
class Done:
    """What became of one container on one node."""

    node: str
    container: str
    error: FairleadError | None = None


def _change_all(
    context: typer.Context, where: Wanted, containers: Sequence[str], change: Change, output: Format
) -> None:
    async def one(client: Client, node: str, container: str) -> Done:
        try:
            await change(client, node, container)
        except FairleadError as error:
            return Done(node, container, named(error, node))
        return Done(node, container)

    async def on_node(client: Client, node: str, prefix: Prefix) -> list[Done]:
        begun = [asyncio.create_task(one(client, node, container)) for container in containers]
        done: list[Done] = []
        for each in begun:  # told in the order of the call, each as soon as it may be
            done.append(await each)
            _tell(done, prefix, output)
        return done

    async def work(client: Client) -> list[Done]:
        nodes = await choose(client, where)
        prefix = Prefix(nodes)
        found = await asyncio.gather(*(on_node(client, node, prefix) for node in nodes))
        return list(chain.from_iterable(found))

    done = run(context, work)
    if output is Format.JSON:
        say(json_text([_plain(each) for each in done]))
    end(any(each.error for each in done))


def _tell(done: Sequence[Done], prefix: Prefix, output: Format) -> None:
    """The last one. What is wrong with a node as a whole is told once."""
    *before, last = done
    if last.error is None:
        if output is Format.TABLE:
            say(f"{prefix(last.node)}{last.container}")
    elif last.error.message not in [each.error.message for each in before if each.error]:
        show(last.error)


def _plain(done: Done) -> dict[str, Any]:
    return {"node": done.node, "container": done.container, "error": error_json(done.error)}


def _patience(seconds: int) -> float:
    return (seconds if seconds >= 0 else OWN_SECONDS) + MORE_SECONDS


def _start_attached(context: typer.Context, where: Wanted, containers: Sequence[str], interactive: bool) -> None:
    if len(containers) > 1:
        raise Invalid("Only one container can be started and attached to.", "Leave out -a and -i, or name one.")

    async def work(client: Client) -> int:
        node = await choose_one(client, where)
        return await attach_to(client, node, containers[0], start=True, stdin=interactive)

    raise typer.Exit(run(context, work))

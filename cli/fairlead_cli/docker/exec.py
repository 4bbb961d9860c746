"""`fairlead docker exec`: another command in a running container."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import run, single
from fairlead_cli.docker.arguments import command_last, texts
from fairlead_cli.docker.attach import check_terminal, exit_code
from fairlead_cli.docker.container_spec import command_failure, environment
from fairlead_cli.docker.fanout import Lines, Prefix, named
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.streams import Sink
from fairlead_cli.docker.talk import Talk
from fairlead_cli.docker.terminal import window_size
from fairlead_cli.render.errors import show
from fairlead_wire.errors import FairleadError, Invalid

app = single()


@command_last(
    app,
    "fairlead docker exec -it --node web-1 shop sh",
    "fairlead docker exec --all shop cat /etc/hostname",
    "tar c data | fairlead docker exec -i --node web-1 shop tar x -C /srv",
)
def execute(
    context: typer.Context,
    container: Annotated[str, typer.Argument(metavar="CONTAINER", help="Name or identifier.")],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The command and its arguments.")],
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")] = False,
    terminal: Annotated[bool, typer.Option("--tty", "-t", help="With a terminal.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for it.")] = False,
    env: Annotated[list[str] | None, typer.Option("--env", "-e", metavar="NAME=VALUE", help="A variable.")] = None,
    env_file: Annotated[list[Path] | None, typer.Option("--env-file", metavar="FILE", help="Variables.")] = None,
    user: Annotated[str, typer.Option("--user", "-u", metavar="USER[:GROUP]", help="Who runs it.")] = "",
    workdir: Annotated[str, typer.Option("--workdir", "-w", metavar="PATH", help="Where it runs.")] = "",
    privileged: Annotated[bool, typer.Option("--privileged", help="With all rights.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also in one of Fairlead's own; only for admins.")] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
) -> None:
    """Run a command in a running container, and end as it ends.

    On several nodes at once without -i and -t: each line with its node's name, and exit code 1 if any of them failed.
    """
    check_terminal(terminal, interactive)
    target = docker_pb2.ExecTarget(
        container=container,
        command=command,
        terminal=terminal,
        stdin=interactive and not detach,
        detach=detach,
        environment=environment(env or (), texts(env_file or ()), os.environ),
        user=user,
        working_directory=workdir,
        privileged=privileged,
        size=window_size() if terminal else None,
        force=force,
    )

    async def work(client: Client) -> int:
        nodes = await choose(client, wanted(node, cluster, all_nodes))
        if len(nodes) > 1 and (interactive or terminal):
            raise Invalid("Only one node's command can be talked to.", "Leave out -i and -t, or name one with --node.")
        return await _on_all(client, target, nodes)

    raise typer.Exit(run(context, work))


@dataclass(frozen=True)
class Writing:
    """Where the two streams of one node's command go, line by line after the node's name."""

    stdout: Lines
    stderr: Lines

    @classmethod
    def of(cls, prefix: bytes, one_at_a_time: Lock) -> Writing:
        def write(stream: int, lines: bytes) -> None:
            with one_at_a_time:
                Sink.standard().write(stream, lines)

        return cls(Lines(prefix, partial(write, 1)), Lines(prefix, partial(write, 2)))

    def write(self, stream: int, data: bytes) -> None:
        (self.stdout if stream == 1 else self.stderr).feed(data)

    def close(self) -> None:
        self.stdout.close()
        self.stderr.close()


async def _on_all(client: Client, target: docker_pb2.ExecTarget, nodes: Sequence[str]) -> int:
    if len(nodes) == 1:
        return await _on_one(client, target, nodes[0], None)
    prefix, one_at_a_time = Prefix(nodes), Lock()

    async def one(node: str) -> int:
        writing = Writing.of(prefix(node).encode(), one_at_a_time)
        try:
            return await _on_one(client, target, node, writing.write)
        finally:
            writing.close()

    return int(any(await asyncio.gather(*(one(node) for node in nodes))))


async def _on_one(
    client: Client, target: docker_pb2.ExecTarget, node: str, write: Callable[[int, bytes], None] | None
) -> int:
    own = docker_pb2.ExecTarget()
    own.MergeFrom(target)
    own.node = resource(node)
    try:
        return exit_code(await Talk(client, own, write).hold())
    except FairleadError as error:
        show(named(error, node))
        refused = command_failure(error)
        return refused if refused != 125 else 1

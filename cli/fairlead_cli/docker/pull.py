"""`fairlead docker pull`: each node fetches an image from its registry."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, TextIO

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.container_spec import tagged
from fairlead_cli.docker.fanout import Outcome, Prefix, each, end, error_json, show_failures
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.progress import Message, Messages, Screen
from fairlead_cli.render.console import is_terminal, say
from fairlead_cli.render.plain import json_text
from fairlead_wire.references import full_reference

Show = Callable[[Message], None]

app = single()


@docker_command(app, "fairlead docker pull --node web-1 nginx", "fairlead docker pull -q --cluster lab debian:13")
def pull(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="NAME[:TAG|@DIGEST]", help="The image.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell only its name at the end.")] = False,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Fetch an image from its registry, on several nodes side by side."""
    tells = output is Format.TABLE and not quiet
    reference = tagged(image)
    name = full_reference(reference)

    async def work(client: Client) -> bool:
        nodes = await choose(client, wanted(node, cluster, all_nodes))
        prefix, shown = Prefix(nodes), screen(sys.stdout)
        if tells and reference != image:
            say("Using default tag: latest")

        async def one(node: str) -> str:
            await fetch(client, node, reference, lambda message: shown.show(message, prefix(node)) if tells else None)
            if output is Format.TABLE:
                shown.show({"stream": f"{name}\n"}, prefix(node))
            return name

        found: list[Outcome[str]] = []
        async for batch in each(nodes, one):
            show_failures(batch)
            found += batch
        if output is Format.JSON:
            say(outcomes_json(found, nodes))
        return any(outcome.error for outcome in found)

    end(run(context, work))


async def fetch(client: Client, node: str, reference: str, show: Show) -> None:
    """Raises FairleadError when it can't be had. There is no deadline: what hangs is seen, and Ctrl-C ends it."""
    request = docker_pb2.PullImageRequest(node=resource(node), reference=reference)
    await follow(client.stream(client.docker.PullImage, request), show)


async def follow(answers: AsyncIterator[Any], show: Show) -> None:
    """Shows each message of a stream of PullImageResponse or BuildImageResponse."""
    messages = Messages()
    async for answer in answers:
        for message in messages.feed(answer.data):
            show(message)
    for message in messages.close():
        show(message)


def screen(stream: TextIO) -> Screen:
    """One that repaints, if the stream is a terminal."""

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    columns = 0
    if is_terminal(stream):
        with suppress(OSError):
            columns = os.get_terminal_size(stream.fileno()).columns
    return Screen(write, columns)


def outcomes_json(outcomes: Sequence[Outcome[str]], nodes: Sequence[str]) -> str:
    """For `-o json`, in the order of the nodes."""
    ordered = sorted(outcomes, key=lambda outcome: nodes.index(outcome.node))
    return json_text([{"node": o.node, "result": o.value, "error": error_json(o.error)} for o in ordered])

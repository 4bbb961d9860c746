"""`fairlead docker build`: an image from a Dockerfile, built by each node's own Docker with its classic builder."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Annotated

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker.build_source import Source, source
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.container_spec import environment, labels
from fairlead_cli.docker.duplex import Duplex
from fairlead_cli.docker.fanout import Outcome, Prefix, each, end, show_failures
from fairlead_cli.docker.human import size
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.progress import Message
from fairlead_cli.docker.pull import follow, outcomes_json, screen
from fairlead_cli.render.console import say
from fairlead_wire.errors import Invalid, Refused

app = single()


_BUILDKIT = ("--secret", "--ssh", "--platform", "--build-context", "--cache-to", "--allow", "--attest", "--provenance")


@docker_command(
    app,
    "fairlead docker build -t shop:1 --node web-1 .",
    "fairlead docker build -t shop:1 -f docker/Dockerfile --build-arg VERSION=1 --target serve --cluster lab .",
    "tar cz . | fairlead docker build -t shop:1 --node web-1 -",
)
def build(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH|-", help="The folder that is sent; - is standard input.")],
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "-t", metavar="NAME[:TAG]", help="Its name; repeatable.")
    ] = None,
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="The Dockerfile; - is standard input.")
    ] = "",
    build_arg: Annotated[
        list[str] | None, typer.Option("--build-arg", metavar="NAME[=VALUE]", help="A value for an ARG; repeatable.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label.")] = None,
    target: Annotated[str, typer.Option("--target", metavar="STAGE", help="Build only up to this stage.")] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do each step again.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch base images anew.")] = False,
    network: Annotated[str, typer.Option("--network", metavar="NAME", help="What RUN has for a network.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell only the image's identifier.")] = False,
    needs_buildkit: Annotated[list[str] | None, typer.Option(*_BUILDKIT, hidden=True)] = None,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Build an image from a Dockerfile and a folder, on each node by itself.

    The folder's .dockerignore says what is not sent. Nothing of it is kept on this machine.
    """
    if needs_buildkit is not None:
        raise Refused(
            f"{', '.join(_BUILDKIT)} need BuildKit, and nodes build with Docker's classic builder.",
            "Leave them out, or build it elsewhere and push it to a registry that the nodes reach.",
        )
    sent = source(path, file, sys.stdin.buffer)
    wish = docker_pb2.BuildTarget(
        tags=tags or (),
        dockerfile=sent.dockerfile,
        arguments=dict(value.split("=", 1) for value in environment(build_arg or (), {}, os.environ)),
        target=target,
        no_cache=no_cache,
        pull=pull,
        labels=labels(label or ()),
        network=network,
    )

    async def work(client: Client) -> bool:
        nodes = await choose(client, wanted(node, cluster, all_nodes))
        if len(nodes) > 1 and not sent.repeatable:
            raise Invalid(
                "An archive on standard input can be sent to one node only.", "Unpack it, and give the folder instead."
            )
        return await _on_all(client, wish, sent, nodes, Telling.JSON if output is Format.JSON else Telling(quiet))

    end(run(context, work))


class Telling(IntEnum):
    """What is told of a build."""

    STEPS = 0
    IDENTIFIER = 1
    JSON = 2


async def _on_all(
    client: Client, wish: docker_pb2.BuildTarget, sent: Source, nodes: Sequence[str], telling: Telling
) -> bool:
    """Whether it failed on any."""
    prefix, shown = Prefix(nodes), screen(sys.stdout)

    async def one(node: str) -> str:
        own = docker_pb2.BuildTarget()
        own.MergeFrom(wish)
        own.node = resource(node)

        def show(message: Message) -> None:
            if telling is Telling.STEPS:
                shown.show(message, prefix(node))

        try:
            return await Build(client, own, show).made(sent.blocks())
        finally:
            shown.close(prefix(node))

    found: list[Outcome[str]] = []
    async for batch in each(nodes, one):
        show_failures(batch)
        for outcome in batch:
            if telling is Telling.IDENTIFIER and outcome.value:
                say(f"{prefix(outcome.node)}{outcome.value}")
        found += batch
    if telling is Telling.JSON:
        say(outcomes_json(found, nodes))
    return any(outcome.error for outcome in found)


class Build:
    """One build on one node."""

    def __init__(self, client: Client, target: docker_pb2.BuildTarget, show: Callable[[Message], None]) -> None:
        self._client, self._target, self._show = client, target, show
        self._identifier = ""

    async def made(self, blocks: Iterator[bytes]) -> str:
        """The image's identifier. Raises FairleadError for what Docker refuses and for a context that can't be read."""
        call = Duplex(self._client, self._client.docker.BuildImage())
        sending = asyncio.create_task(self._send(call, blocks))
        reading = asyncio.create_task(follow(call.answers(), self._heed))
        try:
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            await reading
            return self._identifier
        finally:
            call.cancel()
            sending.cancel()
            reading.cancel()
            await asyncio.gather(sending, reading, return_exceptions=True)

    async def _send(self, call: Duplex, blocks: Iterator[bytes]) -> None:
        goes_on = await call.send(docker_pb2.BuildImageRequest(target=self._target))
        count = 0
        # Files are read in a thread, so that what comes back is shown meanwhile.
        while goes_on and (block := await asyncio.to_thread(next, blocks, b"")):
            goes_on = await call.send(docker_pb2.BuildImageRequest(data=block))
            count += len(block)
        if goes_on:
            self._show({"stream": f"Sending build context to Docker daemon  {size(count, 4)}\n"})
            await call.end()

    def _heed(self, message: Message) -> None:
        found = message.get("aux")
        if isinstance(found, dict):
            self._identifier = str(found.get("ID", self._identifier))
        self._show(message)

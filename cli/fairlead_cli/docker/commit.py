"""`fairlead docker commit` and `tag`: images that are made of what a node has."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, single
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.fanout import perform
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, resource, wanted

# A container's whole file system is read and packed.
COMMIT_SECONDS = 1_800.0
TAG_SECONDS = 30.0

commit_app, tag_app = single(), single()


@docker_command(
    commit_app,
    "fairlead docker commit --node web-1 shop shop:tried",
    "fairlead docker commit --cluster lab -m 'with the fix' -c 'CMD [\"serve\"]' shop shop:fixed",
)
def commit(
    context: typer.Context,
    container: Annotated[str, typer.Argument(metavar="CONTAINER", help="Name or identifier.")],
    reference: Annotated[str, typer.Argument(metavar="REPOSITORY[:TAG]", help="The image's name.")] = "",
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="A comment.")] = "",
    author: Annotated[str, typer.Option("--author", "-a", metavar="NAME", help="Who made it.")] = "",
    change: Annotated[
        list[str] | None, typer.Option("--change", "-c", metavar="LINE", help="A line of a Dockerfile; repeatable.")
    ] = None,
    pause: Annotated[bool, typer.Option("--pause/--no-pause", "-p", help="Let it stand still meanwhile.")] = True,
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Make an image of a container as it is now."""

    async def work(client: Client, node: str) -> str:
        request = docker_pb2.CommitContainerRequest(
            node=resource(node),
            container=container,
            reference=reference,
            message=message,
            author=author,
            changes=change or (),
            no_pause=not pause,
        )
        answer = await client.call(client.docker.CommitContainer, request, COMMIT_SECONDS)
        return str(answer.id)

    perform(context, wanted(node, cluster, all_nodes), work, output)


@docker_command(tag_app, "fairlead docker tag --node web-1 shop:tried shop:good", "fairlead docker tag --all a b:1")
def tag(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE[:TAG]", help="The image, by name or identifier.")],
    target: Annotated[str, typer.Argument(metavar="TARGET[:TAG]", help="Its further name.")],
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Give an image another name."""

    async def work(client: Client, node: str) -> str:
        request = docker_pb2.TagImageRequest(node=resource(node), image=source, reference=target)
        await client.call(client.docker.TagImage, request, TAG_SECONDS)
        return ""

    perform(context, wanted(node, cluster, all_nodes), work, output)

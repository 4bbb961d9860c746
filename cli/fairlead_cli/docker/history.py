"""`fairlead docker history`: the layers of an image."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, single
from fairlead_cli.docker import human as words
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.listing import LIST_SECONDS, FormatOption, Layout, Listed, Rows, layout
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, resource, wanted
from fairlead_cli.docker.template import Fields
from fairlead_cli.render.plain import plain

QUIET = "{{.ID}}"
COLUMNS = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
HEADERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}

app = single()


@docker_command(
    app,
    "fairlead docker history --node web-1 shop:1.4",
    "fairlead docker history --node web-1 --no-trunc --format '{{.Size}} {{.CreatedBy}}' shop:1.4",
)
def history(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Name or identifier.")],
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only identifiers.")] = False,
    whole: Annotated[bool, typer.Option("--no-trunc", help="Cut nothing short.")] = False,
    human: Annotated[bool, typer.Option("--human/--no-human", "-H", help="Sizes and times for people.")] = True,
    form: FormatOption = "",
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Show the layers of an image, newest first, as `docker history`."""
    now = time.time()

    async def ask(client: Client, name: str) -> Any:
        request = docker_pb2.GetImageHistoryRequest(node=resource(name), image=image)
        return await client.call(client.docker.GetImageHistory, request, LIST_SECONDS)

    def shape(several: bool, found: Rows) -> Layout:
        headers = HEADERS if human else HEADERS | {"CreatedSince": "CREATED AT"}
        return layout(QUIET if quiet else form, COLUMNS, headers, several)

    def rows(answer: docker_pb2.GetImageHistoryResponse, name: str) -> Rows:
        return [row(layer, name, now, whole, human) for layer in answer.layers]

    listed = Listed(ask, rows, lambda answer: [plain(each) for each in answer.layers], "layers", shape)
    listed.show(context, wanted(node, cluster, all_nodes), output)


def row(layer: docker_pb2.DockerImageLayer, node: str, now: float, whole: bool, human: bool) -> Fields:
    """The fields that docker/cli gives a layer. `whole`: nothing cut short; `human`: sizes and times for people."""
    made_by = layer.created_by.replace("\t", " ")
    at = words.rfc3339(layer.created)
    return Fields(
        ID=layer.id if whole else words.short_id(layer.id),
        CreatedSince=_since(layer.created, now) if human else at,
        CreatedAt=at,
        CreatedBy=made_by if whole else words.cut(made_by, 45),
        Size=words.size(layer.size) if human else str(layer.size),
        Comment=layer.comment,
        Node=node,
    )


def _since(created: int, now: float) -> str:
    return "N/A" if created <= words.ZERO else words.since(created, now)

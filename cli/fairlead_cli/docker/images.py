"""`fairlead docker images`: images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, single
from fairlead_cli.docker import human
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.filters import Filters, filters
from fairlead_cli.docker.listing import LIST_SECONDS, FormatOption, Layout, Listed, Rows, layout
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, dockers_all, resource
from fairlead_cli.docker.references import NONE, Reference, parse
from fairlead_cli.docker.template import Fields, Template
from fairlead_cli.render.plain import plain

QUIET = "{{.ID}}"
CREATED = "{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}"
COLUMNS = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t" + CREATED + "\t{{.Size}}"
WITH_DIGESTS = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t" + CREATED + "\t{{.Size}}"
HEADERS = {
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
    "Containers": "CONTAINERS",
}
UNKNOWN = "N/A"

app = single()


@docker_command(
    app,
    "fairlead docker images                               the only node of the fleet",
    "fairlead docker images --node web-1 shop             of one repository",
    "fairlead docker images --all -f dangling=true -q",
    "fairlead docker images --cluster lab --format '{{.Node}} {{.Repository}}:{{.Tag}} {{.Size}}'",
)
def images(
    context: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="[REPOSITORY[:TAG]]", help="Only of this repository.", show_default=False)
    ] = "",
    every: Annotated[bool, typer.Option("-a", "--all-images", help="Intermediate ones as well.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only identifiers.")] = False,
    digests: Annotated[bool, typer.Option("--digests", help="With digests.")] = False,
    whole: Annotated[bool, typer.Option("--no-trunc", help="Cut nothing short.")] = False,
    only: Filters = None,
    form: FormatOption = "",
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """List images, as `docker images`.

    `--all` means all nodes; with --node or --cluster it means all images, as `-a` always does.
    """
    now = time.time()
    all_of_them, chosen = dockers_all(node, cluster, all_nodes)
    wants_digests = digests or (bool(form) and "Digest" in Template(form.removeprefix("table")).fields())

    async def ask(client: Client, name: str) -> Any:
        request = docker_pb2.ListImagesRequest(
            node=resource(name), all=every or all_of_them, reference=reference, filters=filters(only)
        )
        return await client.call(client.docker.ListImages, request, LIST_SECONDS)

    def shape(several: bool, found: Rows) -> Layout:
        return layout(QUIET if quiet else form, WITH_DIGESTS if digests else COLUMNS, HEADERS, several)

    def rows(answer: docker_pb2.ListImagesResponse, name: str) -> Rows:
        return [each for image in answer.images for each in rows_of(image, name, now, whole, wants_digests)]

    listed = Listed(ask, rows, lambda answer: [plain(each) for each in answer.images], "images", shape)
    listed.show(context, chosen, output)


def rows_of(image: docker_pb2.DockerImage, node: str, now: float, whole: bool, digests: bool) -> Iterator[Fields]:
    """A row for each of its names. `whole`: the identifier is not cut short."""
    for name in _names(image, digests):
        yield Fields(
            ID=image.id if whole else human.short_id(image.id),
            Repository=name.repository,
            Tag=name.tag,
            Digest=name.digest,
            CreatedSince="" if image.created <= human.ZERO else human.since(image.created, now),
            CreatedAt=human.moment(image.created),
            Size=human.size(image.size),
            VirtualSize=human.size(image.size, 4),
            SharedSize=UNKNOWN,
            UniqueSize=UNKNOWN,
            Containers=UNKNOWN,
            Node=node,
        )


def _names(image: docker_pb2.DockerImage, digests: bool) -> Iterator[Reference]:
    """Each tag, with `digests` once for each digest of its repository; digests without a tag; or none at all."""
    tags = [parse(tag) for tag in image.tags if tag != f"{NONE}:{NONE}"]
    known = [parse(digest) for digest in image.digests if digest != f"{NONE}@{NONE}"]
    if not tags and not known:
        yield Reference(NONE, NONE, NONE)
    for name in tags:
        fitting = [one.digest for one in known if one.repository == name.repository] if digests else []
        for digest in fitting or [NONE]:
            yield name._replace(digest=digest)
    tagged = {name.repository for name in tags}
    rest = [one for one in known if one.repository not in tagged]
    if not digests:
        rest = [Reference(repository) for repository in dict.fromkeys(one.repository for one in rest)]
    for one in rest:
        yield one._replace(tag=NONE, digest=one.digest or NONE)

"""`fairlead docker ps`: containers."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, single
from fairlead_cli.docker import human, references
from fairlead_cli.docker.command import LARGEST, docker_command
from fairlead_cli.docker.filters import Filters, filters
from fairlead_cli.docker.listing import LIST_SECONDS, FormatOption, Layout, Listed, Rows, layout
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, dockers_all, resource
from fairlead_cli.docker.ports import ports_text
from fairlead_cli.docker.template import Fields, Template
from fairlead_cli.render.plain import plain

QUIET = "{{.ID}}"
COLUMNS = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
# Scripts take the first column or the last one, so the mark stands before the last.
MARKED = COLUMNS.replace("{{.Names}}", "{{.Fairlead}}\t{{.Names}}")
HEADERS = {
    "ID": "CONTAINER ID",
    "Names": "NAMES",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Fairlead": "FAIRLEAD",
}

app = single()


@docker_command(
    app,
    "fairlead docker ps                                   the only node of the fleet",
    "fairlead docker ps -a --node web-1 --node web-2",
    "fairlead docker ps --all -f status=exited            all nodes",
    "fairlead docker ps --cluster lab --format 'table {{.Names}}\\t{{.Status}}'",
    "fairlead docker ps --all -o json | jq -r '.[].containers[].image'",
)
def ps(
    context: typer.Context,
    every: Annotated[bool, typer.Option("-a", "--all-containers", help="Those that do not run as well.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only identifiers.")] = False,
    whole: Annotated[bool, typer.Option("--no-trunc", help="Cut nothing short.")] = False,
    last: Annotated[
        int, typer.Option("-n", "--last", min=-1, max=LARGEST, help="So many of the newest, also those that ended.")
    ] = -1,
    latest: Annotated[bool, typer.Option("-l", "--latest", help="The newest one, also if it ended.")] = False,
    size: Annotated[bool, typer.Option("-s", "--size", help="Their sizes, which takes long.")] = False,
    only: Filters = None,
    form: FormatOption = "",
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """List containers, as `docker ps`. Fairlead's own are marked in a column of their own.

    `--all` means all nodes; with --node or --cluster it means all containers, as `-a` always does.
    """
    limit = 1 if latest and last < 0 else max(last, 0)
    now = time.time()
    all_of_them, chosen = dockers_all(node, cluster, all_nodes)
    measured = size or (bool(form) and "Size" in Template(form.removeprefix("table")).fields())

    async def ask(client: Client, name: str) -> Any:
        request = docker_pb2.ListContainersRequest(
            node=resource(name), all=every or all_of_them, filters=filters(only), limit=limit, size=measured
        )
        return await client.call(client.docker.ListContainers, request, LIST_SECONDS)

    def shape(several: bool, found: Rows) -> Layout:
        columns = MARKED if any(row["Fairlead"] for row in found) else COLUMNS
        columns += "\t{{.Size}}" if size else ""
        return layout(QUIET if quiet else form, columns, HEADERS, several)

    def rows(answer: docker_pb2.ListContainersResponse, name: str) -> Rows:
        return [row(container, name, now, whole) for container in answer.containers]

    listed = Listed(ask, rows, lambda answer: [plain(each) for each in answer.containers], "containers", shape)
    listed.show(context, chosen, output)


def row(container: docker_pb2.DockerContainer, node: str, now: float, whole: bool) -> Fields:
    """The fields that docker/cli gives a container, the node's name and Fairlead's mark. `whole`: nothing cut short."""
    command = container.command if whole else human.cut(container.command, 20)
    mounts = list(container.mounts) if whole else [human.cut(mount, 15) for mount in container.mounts]
    return Fields(
        ID=container.id if whole else human.short_id(container.id),
        Names=",".join(container.names),
        Image=_image(container, whole),
        Command=human.quote(command),
        CreatedAt=human.moment(container.created),
        RunningFor=human.since(container.created, now),
        Ports=ports_text(container.ports),
        State=container.state,
        Status=container.status,
        Size=_size(container),
        Labels=",".join(f"{key}={value}" for key, value in sorted(container.labels.items())),
        Label=lambda name: container.labels.get(name, ""),
        Mounts=",".join(mounts),
        LocalVolumes=str(sum(not mount.startswith("/") for mount in container.mounts)),
        Networks=",".join(container.networks),
        Node=node,
        Fairlead=container.fairlead,
    )


def _image(container: docker_pb2.DockerContainer, whole: bool) -> str:
    if not container.image:
        return "<no image>"
    if whole:
        return container.image
    identifier = human.short_id(container.image_id)
    if identifier == human.short_id(container.image):
        return identifier
    found = references.parse(container.image)
    return f"{found.repository}:{found.tag}" if found.tag else found.repository


def _size(container: docker_pb2.DockerContainer) -> str:
    own, whole = human.size(container.size_rw), human.size(container.size_root_fs)
    return f"{own} (virtual {whole})" if container.size_root_fs > 0 else own

"""`fairlead docker stats`: what containers use."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker import fanout
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.human import binary_size, short_id, size
from fairlead_cli.docker.listing import FormatOption, Layout, Listed, Printer, Rows, layout
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, Wanted, choose, resource, wanted
from fairlead_cli.docker.template import Fields
from fairlead_cli.render.console import is_terminal, put
from fairlead_cli.render.plain import json_line, plain

# Docker measures once a second; several nodes do it at different moments of it.
PAINT_SECONDS = 0.5
COLUMNS = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"
HEADERS = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
Found = Sequence[docker_pb2.DockerStats]

app = single()


@docker_command(
    app,
    "fairlead docker stats --node web-1",
    "fairlead docker stats --no-stream --all --format 'table {{.Name}}\\t{{.MemUsage}}'",
    "fairlead docker stats --cluster lab fairlead-kubelet fairlead-etcd",
)
def stats(
    context: typer.Context,
    containers: Annotated[
        list[str] | None, typer.Argument(metavar="[CONTAINER]...", help="Names or identifiers; none for all that run.")
    ] = None,
    once: Annotated[bool, typer.Option("--no-stream", help="Once instead of until Ctrl-C.")] = False,
    whole: Annotated[bool, typer.Option("--no-trunc", help="Cut nothing short.")] = False,
    form: FormatOption = "",
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what containers use, as `docker stats`.

    With -o json: one array of everything, or without --no-stream one object a line.
    """
    chosen = wanted(node, cluster, all_nodes)
    request = docker_pb2.WatchStatsRequest(containers=containers or (), once=once)
    layouts = partial(layout, form, COLUMNS, HEADERS)

    def rows(found: Found, name: str) -> Rows:
        return [row(each, name, whole) for each in found]

    def plains(found: Found) -> list[dict[str, Any]]:
        return [plain(each) for each in found]

    def screen(nodes: Sequence[str]) -> Callable[[str, Found], None]:
        return _json_lines if output is Format.JSON else _Screen(nodes, layouts(len(nodes) > 1), rows).show

    if once:
        listed = Listed(partial(_once, request), rows, plains, "stats", lambda several, _: layouts(several))
        listed.show(context, chosen, output)
    else:
        _follow(context, chosen, request, screen)


async def _once(request: docker_pb2.WatchStatsRequest, client: Client, node: str) -> Any:
    found: list[docker_pb2.DockerStats] = []
    async for answer in client.stream(client.docker.WatchStats, _asked(request, node)):
        found += answer.stats
    return found


def _asked(request: docker_pb2.WatchStatsRequest, node: str) -> docker_pb2.WatchStatsRequest:
    asked = docker_pb2.WatchStatsRequest(node=resource(node))
    asked.MergeFrom(request)
    return asked


def _follow(
    context: typer.Context,
    chosen: Wanted,
    request: docker_pb2.WatchStatsRequest,
    screen: Callable[[Sequence[str]], Callable[[str, Found], None]],
) -> None:
    async def work(client: Client) -> bool:
        nodes = await choose(client, chosen)
        show = screen(nodes)

        async def watch(node: str) -> None:
            async for answer in client.stream(client.docker.WatchStats, _asked(request, node)):
                show(node, answer.stats)

        failed = False
        async for batch in fanout.each(nodes, watch, grace=0):
            failed |= fanout.show_failures(batch)
        return failed

    fanout.end(run(context, work))


def _json_lines(node: str, found: Found) -> None:
    put(json_line({"node": node, "stats": [plain(each) for each in found]}) + "\n")


class _Screen:
    """The newest of all nodes: in place on a terminal, one table after the other elsewhere."""

    def __init__(self, nodes: Sequence[str], how: Layout, rows: Callable[[Found, str], Rows]) -> None:
        self._nodes, self._how, self._rows = nodes, how, rows
        self._latest: dict[str, Found] = {}
        self._painted = -PAINT_SECONDS

    def show(self, node: str, found: Found) -> None:
        self._latest[node] = found
        if time.monotonic() - self._painted >= PAINT_SECONDS:
            self._painted = time.monotonic()
            self._paint()

    def _paint(self) -> None:
        known = [node for node in self._nodes if node in self._latest]
        text = Printer(self._how).add([row for node in known for row in self._rows(self._latest[node], node)])
        # Each line is cleared to its end and then what is below, which flickers less than an empty screen.
        put("\x1b[H" + text.replace("\n", "\x1b[K\n") + "\x1b[J" if is_terminal() else text)


def row(stats: docker_pb2.DockerStats, node: str, whole: bool) -> Fields:
    """The fields that docker/cli gives a container's figures."""
    share = stats.memory / stats.memory_limit if stats.memory_limit else 0.0
    identifier = stats.id if whole else short_id(stats.id)
    return Fields(
        Container=identifier,
        ID=identifier,
        Name=stats.name,
        CPUPerc=f"{stats.cpu * 100:.2f}%",
        MemUsage=f"{binary_size(stats.memory)} / {binary_size(stats.memory_limit)}",
        MemPerc=f"{share * 100:.2f}%",
        NetIO=f"{size(stats.network_in)} / {size(stats.network_out)}",
        BlockIO=f"{size(stats.block_in)} / {size(stats.block_out)}",
        PIDs=str(stats.pids),
        Node=node,
    )

"""`fairlead status`: clusters and nodes at a glance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from fairlead.api.v1 import clusters_pb2, events_pb2, nodes_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, examples, run, single
from fairlead_cli.lookup import list_clusters, list_nodes
from fairlead_cli.render.clusters import clusters_table, troubles
from fairlead_cli.render.console import is_terminal, note, say
from fairlead_cli.render.nodes import nodes_table
from fairlead_cli.render.plain import json_line, json_text, plain
from fairlead_wire.errors import Unreachable

# What no event tells of (times since, a node that falls silent) is looked up again so often.
REFRESH_SECONDS = 2.0

Clusters = Sequence[clusters_pb2.Cluster]
Nodes = Sequence[nodes_pb2.Node]

app = single()


@app.command(epilog=examples("fairlead status", "fairlead status --watch", "fairlead status -o json"))
def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep it up to date until Ctrl-C.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Clusters and nodes at a glance, and what is not as it should be."""

    async def work(client: Client) -> None:
        if watch:
            await _watch(client, _screen(output))
        else:
            clusters, nodes = await look(client)
            say(json_text(as_json(clusters, nodes)) if output is Format.JSON else status_text(clusters, nodes))

    run(context, work)


async def look(client: Client) -> tuple[Clusters, Nodes]:
    return await asyncio.gather(list_clusters(client), list_nodes(client))


def as_json(clusters: Clusters, nodes: Nodes) -> dict[str, Any]:
    return {"clusters": [plain(item) for item in clusters], "nodes": [plain(item) for item in nodes]}


def status_text(clusters: Clusters, nodes: Nodes) -> str:
    found = [clusters_table(clusters), "", nodes_table(nodes, time.time())]
    wrong = [line for cluster in clusters for line in troubles(cluster)]
    return "\n".join([*found, *(["", "Not as it should be:", *(f"  {line}" for line in wrong)] if wrong else [])])


def _screen(output: Format) -> Callable[[Clusters, Nodes], None]:
    """Puts each look where it belongs: in place on a terminal, one after the other elsewhere if anything changed."""
    last: list[str] = []

    def show(clusters: Clusters, nodes: Nodes) -> None:
        text = json_line(as_json(clusters, nodes)) if output is Format.JSON else status_text(clusters, nodes)
        if is_terminal() and output is Format.TABLE:
            say("\x1b[H\x1b[2J" + text)
        elif last != [text]:
            say(text)
        last[:] = [text]

    return show


async def _watch(client: Client, show: Callable[[Clusters, Nodes], None]) -> None:
    news = asyncio.Event()
    listening = asyncio.create_task(_listen(client, news))
    listening.add_done_callback(lambda _: news.set())
    try:
        while not listening.done():
            news.clear()
            try:
                show(*await look(client))
            except Unreachable as error:
                note(f"{error.message} Trying again.")
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), REFRESH_SECONDS)
        await listening
    finally:
        listening.cancel()


async def _listen(client: Client, news: asyncio.Event) -> None:
    async for _ in client.following(client.events.WatchEvents, events_pb2.WatchEventsRequest()):
        news.set()

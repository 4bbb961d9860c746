"""`fairlead docker events`: what happens in the Docker Engines of nodes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run, single
from fairlead_cli.docker import fanout
from fairlead_cli.docker.command import docker_command
from fairlead_cli.docker.filters import Filters, filters
from fairlead_cli.docker.human import rfc3339
from fairlead_cli.docker.json_text import parsed
from fairlead_cli.docker.nodes import AllNodes, ClusterName, NodeNames, choose, resource, wanted
from fairlead_cli.docker.template import Template
from fairlead_cli.docker.when import moment
from fairlead_cli.render.console import put
from fairlead_cli.render.plain import json_line

# What Docker leaves out of an event: older names of fields are there for containers and images alone.
OPTIONAL = dict.fromkeys(("status", "id", "ID", "Status", "from", "From", "scope", "Scope", "Node"))
NANO = 10**9

app = single()


@docker_command(
    app,
    "fairlead docker events --node web-1",
    "fairlead docker events --all -f event=die -f event=oom",
    "fairlead docker events --node web-1 --since 1h --until 0s",
    "fairlead docker events --all --format '{{.Node}} {{.Action}} {{.Actor.Attributes.name}}' -f type=container",
)
def events(
    context: typer.Context,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="From then on: 10m, or a time.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Until then.")] = "",
    only: Filters = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="json, or a Go template.")] = "",
    node: NodeNames = None,
    cluster: ClusterName = "",
    all_nodes: AllNodes = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what happens in Docker until Ctrl-C, as `docker events`.

    With -o json: one object a line, with the node.
    """
    now, chosen = time.time(), wanted(node, cluster, all_nodes)
    request = docker_pb2.WatchDockerEventsRequest(
        since=moment(since, now, "--since"), until=moment(until, now, "--until"), filters=filters(only)
    )
    template = Template("{{json .}}" if form == "json" else form) if form else None

    async def work(client: Client) -> bool:
        nodes = await choose(client, chosen)
        show = _json if output is Format.JSON else _words(nodes, template)
        failed = False
        async for batch in fanout.each(nodes, lambda name: _watch(client, name, request, show), grace=0):
            failed |= fanout.show_failures(batch)
        return failed

    fanout.end(run(context, work))


async def _watch(
    client: Client, node: str, request: docker_pb2.WatchDockerEventsRequest, show: Callable[[str, Any], str]
) -> None:
    asked = docker_pb2.WatchDockerEventsRequest(node=resource(node))
    asked.MergeFrom(request)
    async for lines in _lines(client, asked):
        put("".join(show(node, parsed(line)) + "\n" for line in lines))


async def _lines(client: Client, asked: docker_pb2.WatchDockerEventsRequest) -> AsyncIterator[Sequence[bytes]]:
    """The whole lines of each block."""
    begun = b""
    async for answer in client.stream(client.docker.WatchDockerEvents, asked):
        *whole, begun = (begun + answer.data).split(b"\n")
        if lines := [line for line in whole if line.strip()]:
            yield lines


def _json(node: str, event: Any) -> str:
    return json_line({"node": node, "event": event})


def _words(nodes: Sequence[str], template: Template | None) -> Callable[[str, Any], str]:
    """An event in words. On several nodes each says its node, unless the template shows it."""
    several = len(nodes) > 1
    prefix = fanout.Prefix(nodes if template is None or not {"", "Node"} & template.fields() else [])

    def show(node: str, event: Any) -> str:
        if template is None:
            return prefix.put(node, event_text(event))
        named = {"Node": node, **event} if several or "Node" in template.fields() else event
        return prefix.put(node, template.run(named, OPTIONAL))

    return show


def event_text(event: Any) -> str:
    """As docker/cli: time, type, action, identifier, and the attributes by name."""
    actor = event.get("Actor") or {}
    at = ""
    if nano := event.get("timeNano"):
        at = rfc3339(nano // NANO, nano % NANO) + " "
    elif seconds := event.get("time"):
        at = rfc3339(seconds, 0) + " "
    attributes = ", ".join(f"{key}={value}" for key, value in sorted((actor.get("Attributes") or {}).items()))
    text = f"{at}{event.get('Type', '')} {event.get('Action', '')} {actor.get('ID', '')}"
    return f"{text} ({attributes})" if attributes else text

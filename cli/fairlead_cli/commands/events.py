"""`fairlead events`: what happened, and because of what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from fairlead.api.v1 import events_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, examples, run, single
from fairlead_cli.render.console import paint, say
from fairlead_cli.render.plain import json_line, json_text, plain
from fairlead_cli.render.words import clock_time

app = single()


@app.command(
    epilog=examples(
        "fairlead events --cluster lab",
        "fairlead events --follow --node lab-1",
        "fairlead events --follow -o json | jq -r .message",
    )
)
def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-F", help="Go on with new ones until Ctrl-C.")] = False,
    cluster: Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="Only this cluster's.")] = "",
    node: Annotated[str, typer.Option("--node", metavar="NODE", help="Only this node's.")] = "",
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=1000, help="So many of the newest.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Show events, oldest first. With -o json: an array, or with --follow one object a line."""

    async def work(client: Client) -> None:
        newest = await _newest(client) if follow else 0
        request = events_pb2.ListEventsRequest(cluster=cluster, node=node, page_size=last)
        listed = (await client.call(client.events.ListEvents, request)).events
        if output is Format.JSON and not follow:
            say(json_text([plain(event) for event in listed]))
            return
        line = _json if output is Format.JSON else event_line
        for event in listed:
            say(line(event))
        if follow:
            after = max(newest, *(event.id for event in listed)) if listed else newest
            await _follow(client, cluster, node, after, line)

    run(context, work)


async def _follow(client: Client, cluster: str, node: str, after: int, line: Callable[[events_pb2.Event], str]) -> None:
    request = events_pb2.WatchEventsRequest(cluster=cluster, node=node, after_id=after)
    async for answer in client.following(client.events.WatchEvents, request, _go_on):
        say(line(answer.event))


def _go_on(request: events_pb2.WatchEventsRequest, answer: events_pb2.WatchEventsResponse) -> None:
    request.after_id = answer.event.id


async def _newest(client: Client) -> int:
    """The newest event of all, so that none is missed between a list that may be empty and the following of it."""
    listed = (await client.call(client.events.ListEvents, events_pb2.ListEventsRequest(page_size=1))).events
    return listed[-1].id if listed else 0


def event_line(event: events_pb2.Event) -> str:
    """`#id time where: message`, with its cause and who did it if that was not Fairlead."""
    where = " ".join(part for part in (event.cluster, event.node, event.component) if part)
    cause = paint(f" (after #{event.cause_id})", "dim") if event.cause_id else ""
    who = f" [{event.principal}]" if event.principal not in ("", "fairlead") else ""
    head = paint(f"#{event.id} {clock_time(event.time)}", "dim")
    return f"{head}  {event.kind}  {f'{where}: ' if where else ''}{event.message}{who}{cause}"


def _json(event: events_pb2.Event) -> str:
    return json_line(plain(event))

"""`fairlead plan`: what applying a spec would do."""

from __future__ import annotations

import asyncio

import typer

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.client import PLAN_SECONDS, Client
from fairlead_cli.commands.missing_images import Found, find_missing
from fairlead_cli.commands.options import File, Format, Output, examples, run, settings, single
from fairlead_cli.commands.source import read_source
from fairlead_cli.render.console import say
from fairlead_cli.render.missing_images import missing_lines
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.plans import plan_text

CHANGES = 2
EXAMPLES = examples(
    "fairlead plan -f cluster.yaml",
    "fairlead plan -f cluster.yaml -o json | jq .pin",
    "fairlead plan -f cluster.yaml -o json | jq '[.missing_images.images[].size_bytes] | add'",
    "fairlead plan -f cluster.yaml > /dev/null || test $? -eq 2    succeeds unless there is an error",
)

app = single()


@app.command(epilog=EXAMPLES)
def plan(context: typer.Context, file: File, output: Output = Format.TABLE) -> None:
    """Show what applying a spec would do; change nothing.

    Exits with 0 if there is nothing to do, 2 if there are changes, 1 on any error. It ends with the line that
    carries out exactly what was shown, or is refused if the cluster has changed meanwhile. Images that nodes
    lack are counted, in bytes where the fleet's registry knows them.
    """
    source = read_source(file)

    async def ask(client: Client) -> tuple[clusters_pb2.PlanClusterResponse, Found]:
        request = clusters_pb2.PlanClusterRequest(source=source)
        # Side by side: a node that does not answer then costs its time only once.
        planned = client.call(client.clusters.PlanCluster, request, PLAN_SECONDS)
        plan, missing = await asyncio.gather(planned, find_missing(client, source))
        return plan, missing

    answer, missing = run(context, ask)
    program = settings(context).program
    if output is Format.JSON:
        say(json_text(plain(answer) | {"missing_images": missing.document}))
    else:
        say(plan_text(answer, file, program, missing_lines(missing.answer, missing.reason, file, program)))
    if answer.moves:
        raise typer.Exit(CHANGES)

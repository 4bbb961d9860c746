"""`fairlead node check`: whether servers are fit for Kubernetes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.client import PLAN_SECONDS, Client
from fairlead_cli.commands.options import Format, Output, examples, run
from fairlead_cli.render.console import say
from fairlead_cli.render.findings import checks_text, has_errors
from fairlead_cli.render.plain import json_text, plain

EXAMPLES = examples(
    "fairlead node check                       all nodes",
    "fairlead node check web-1 --role worker   as a worker of a cluster to come",
    "fairlead node check -o json | jq -r '.[].findings[].check'",
)


class Role(StrEnum):
    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", help="Nodes; none for all.")] = None,
    role: Annotated[
        Role | None,
        typer.Option(help="What to check them for; by default what each is, and control-plane for one in no cluster."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Look at servers for what Kubernetes would stumble over; change nothing there.

    Exits with 1 if there is an error; warnings are no errors. `plan` and `apply` check servers that would join.
    """
    request = nodes_pb2.CheckNodesRequest(names=[f"nodes/{name}" for name in names or ()], role=role or "")

    async def ask(client: Client) -> nodes_pb2.CheckNodesResponse:
        return await client.call(client.nodes.CheckNodes, request, PLAN_SECONDS)

    checks = run(context, ask).checks
    say(json_text([plain(each) for each in checks]) if output is Format.JSON else checks_text(checks))
    if any(has_errors(each.findings) for each in checks):
        raise typer.Exit(1)

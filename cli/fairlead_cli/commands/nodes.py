"""`fairlead node`: ls, show, check."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.commands import node_check
from fairlead_cli.commands.options import Format, Output, examples, group, run
from fairlead_cli.lookup import list_nodes
from fairlead_cli.render.console import say
from fairlead_cli.render.nodes import node_text, nodes_table
from fairlead_cli.render.plain import json_text, plain

app = group("node", "Nodes, the servers whose agents have enrolled: ls, show, check.")
app.command("check", epilog=node_check.EXAMPLES)(node_check.check)


@app.command("ls", epilog=examples("fairlead node ls", "fairlead node ls --cluster lab -o json"))
def ls(
    context: typer.Context,
    cluster: Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="Only this cluster's nodes.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List nodes."""
    nodes = run(context, lambda client: list_nodes(client, cluster))
    say(json_text([plain(node) for node in nodes]) if output is Format.JSON else nodes_table(nodes, time.time()))


@app.command(epilog=examples("fairlead node show lab-1", "fairlead node show lab-1 -o json"))
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NODE", help="The node's name.")],
    output: Output = Format.TABLE,
) -> None:
    """Show what is known of a node."""
    request = nodes_pb2.GetNodeRequest(name=f"nodes/{name}")
    node = run(context, lambda client: client.call(client.nodes.GetNode, request)).node
    say(json_text(plain(node)) if output is Format.JSON else node_text(node, time.time()))

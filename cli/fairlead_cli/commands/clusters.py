"""`fairlead cluster`: validate, plan, apply, ls, show, delete."""

from __future__ import annotations

import time
import uuid
from typing import Annotated

import typer

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands import apply, plan
from fairlead_cli.commands.asking import asked
from fairlead_cli.commands.follow import check_succeeded, follow
from fairlead_cli.commands.options import ClusterName, File, Format, Output, examples, group, run, settings
from fairlead_cli.commands.source import read_source
from fairlead_cli.lookup import get_cluster, list_clusters
from fairlead_cli.render.clusters import cluster_text, clusters_table
from fairlead_cli.render.console import note, paint, say
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.words import seconds, span
from fairlead_wire.errors import Invalid

# Where a control plane keeps etcd's data, as the planner lays it out.
ETCD_DATA = "/var/lib/etcd/data"

app = group("cluster", "Clusters: validate, plan, apply, ls, show, delete.")
app.command("plan", epilog=plan.EXAMPLES)(plan.plan)
app.command("apply", epilog=apply.EXAMPLES)(apply.apply)


@app.command(
    epilog=examples(
        "fairlead cluster validate -f cluster.yaml", "fairlead cluster validate -f cluster.yaml --effective"
    )
)
def validate(
    context: typer.Context,
    file: File,
    effective: Annotated[bool, typer.Option("--effective", help="Print the spec with all defaults filled in.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Check a spec without looking at nodes; all problems at once."""
    request = clusters_pb2.ValidateClusterRequest(source=read_source(file))
    answer = run(context, lambda client: client.call(client.clusters.ValidateCluster, request))
    if output is Format.JSON:
        say(json_text(plain(answer)))
    elif effective:
        say(answer.effective_yaml.rstrip())
    else:
        say(f"{file} is valid: cluster {answer.cluster}.")


@app.command("ls", epilog=examples("fairlead cluster ls", "fairlead cluster ls -o json"))
def ls(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List clusters."""
    clusters = run(context, list_clusters)
    say(json_text([plain(item) for item in clusters]) if output is Format.JSON else clusters_table(clusters))


@app.command(epilog=examples("fairlead cluster show lab", "fairlead cluster show lab --spec > cluster.yaml"))
def show(
    context: typer.Context,
    name: ClusterName,
    spec: Annotated[
        bool, typer.Option("--spec", help="Print the spec of the newest revision as it was given.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show a cluster and each of its components."""
    cluster = run(context, lambda client: get_cluster(client, name))
    if spec:
        say(cluster.spec_yaml.rstrip())
    else:
        say(json_text(plain(cluster)) if output is Format.JSON else cluster_text(cluster, time.time()))


@app.command(
    epilog=examples(
        "fairlead cluster delete lab                  asks for the name; keeps etcd's data and says where",
        "fairlead cluster delete lab --yes lab        without a question",
        "fairlead cluster delete lab --destroy-data",
    )
)
def delete(
    context: typer.Context,
    name: ClusterName,
    yes: Annotated[str, typer.Option("--yes", metavar="NAME", help="The cluster's name again, to be sure.")] = "",
    destroy_data: Annotated[bool, typer.Option("--destroy-data", help="Remove etcd's data too.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
) -> None:
    """Remove a cluster from its nodes: containers, what they left, files restored. The nodes stay enrolled."""

    cluster = run(context, lambda client: get_cluster(client, name))
    # Between two runs, because Ctrl-C does not get through to a question inside of one.
    _confirm(name, yes, destroy_data)
    again = f"{settings(context).program} cluster delete {name}"
    try:
        run(context, lambda client: _delete(client, cluster, destroy_data, wait, again))
    except KeyboardInterrupt:
        note(f"\nStopped following. A deletion that has begun goes on; `{again}` again follows it.")
        raise typer.Exit(apply.INTERRUPTED) from None


def _confirm(name: str, yes: str, destroy_data: bool) -> None:
    """Raises Invalid unless the name is given once more."""
    if not yes:
        lost = "all of it, etcd's data included" if destroy_data else "all of it but etcd's data"
        note(f"This removes cluster {name} from its nodes: {lost}.")
        yes = _asked(name)
    if yes != name:
        raise Invalid(f"{yes!r} is not {name!r}: nothing was deleted.", f"Give the name with `--yes {name}`.")


def _asked(name: str) -> str:
    question = "Type the cluster's name to go on"
    given = asked(lambda: str(typer.prompt(question, err=True, default="", show_default=False)), None)
    if given is None:
        raise Invalid("No name was given: nothing was deleted.", f"Give it with `--yes {name}`.")
    return given


async def _delete(client: Client, cluster: clusters_pb2.Cluster, destroy_data: bool, wait: bool, again: str) -> None:
    request = clusters_pb2.DeleteClusterRequest(
        name=cluster.name, destroy_data=destroy_data, request_id=str(uuid.uuid4())
    )
    answer = await client.call_again(client.clusters.DeleteCluster, request)
    if not wait:
        say(f"The deletion is accepted and being carried out; `{again}` follows it.")
        return
    operation = await follow(client, answer.operation)
    check_succeeded(operation, again)
    took = span(seconds(operation.end_time) - seconds(operation.create_time))
    say(paint(f"==> Cluster {cluster.name.rpartition('/')[2]} is deleted after {took}.", "green"))
    keepers = [item.node for item in cluster.components if item.component == "etcd"]
    if keepers and not destroy_data:
        say(f"etcd's data stays in {ETCD_DATA} on {', '.join(keepers)}; remove it there when you are sure.")

"""`fairlead apply`: make a cluster as its spec says, and follow it."""

from __future__ import annotations

import shlex
import sys
import time
import uuid
from collections.abc import Iterable
from typing import Annotated

import typer

from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead_cli.client import PLAN_SECONDS, Client
from fairlead_cli.commands.follow import check_succeeded, follow
from fairlead_cli.commands.options import File, examples, run, settings, single
from fairlead_cli.commands.source import read_source
from fairlead_cli.render.console import note, paint, say
from fairlead_cli.render.findings import findings_lines
from fairlead_cli.render.words import last_part, seconds, span

INTERRUPTED = 130
EXAMPLES = examples(
    "fairlead apply -f cluster.yaml",
    "fairlead apply -f cluster.yaml --pin 3-1f9ac2e0    exactly the plan that was shown, or nothing",
    "fairlead apply -f cluster.yaml --no-wait",
    "fairlead apply -f cluster.yaml --skip-check memory   in spite of what it says",
)

Response = clusters_pb2.ApplyClusterResponse

app = single()


@app.command(epilog=EXAMPLES)
def apply(
    context: typer.Context,
    file: File,
    pin: Annotated[str, typer.Option("--pin", metavar="PIN", help="The pin that `plan` showed.")] = "",
    skip_checks: Annotated[
        list[str] | None,
        typer.Option("--skip-check", metavar="NAME", help="Apply in spite of errors of this check; may be repeated."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
) -> None:
    """Make a cluster as its spec says, and follow it.

    Ctrl-C only ends the following: the change goes on, and the same command follows it again. Applying what is
    already so changes nothing.
    """
    source, again = read_source(file), f"{settings(context).program} apply -f {shlex.quote(file)}"
    accepted: list[Response] = []

    async def work(client: Client) -> None:
        answer = await _accept(client, source, pin, skip_checks or ())
        accepted.append(answer)
        await _carry_out(client, answer, again, wait)

    try:
        run(context, work)
    except KeyboardInterrupt:
        note(_interrupted(bool(accepted), again))
        raise typer.Exit(INTERRUPTED) from None


async def _accept(client: Client, source: clusters_pb2.ClusterSource, pin: str, skip_checks: Iterable[str]) -> Response:
    request = clusters_pb2.ApplyClusterRequest(
        source=source, pin=pin, request_id=str(uuid.uuid4()), skip_checks=skip_checks
    )
    answer: Response = await client.call_again(client.clusters.ApplyCluster, request, PLAN_SECONDS)
    return answer


async def _carry_out(client: Client, answer: Response, again: str, wait: bool) -> None:
    name = last_part(answer.operation.cluster)
    for line in findings_lines(answer.findings, indent="", stream=sys.stderr):
        note(line)
    if not answer.changed and answer.operation.state != operations_pb2.OPERATION_STATE_RUNNING:
        say(f"Nothing to do: cluster {name} is as its spec says (revision {answer.revision}).")
        return
    say(f"Cluster {paint(name, 'bold')}: revision {answer.revision} is accepted.")
    if not wait:
        say(f"It is being carried out; follow it with `{again}` or `fairlead status --watch`.")
        return
    operation = await follow(client, answer.operation)
    check_succeeded(operation, again)
    say(_done(name, operation))


def _done(name: str, operation: operations_pb2.Operation) -> str:
    took = span((seconds(operation.end_time) or time.time()) - seconds(operation.create_time))
    headline = paint(f"==> Cluster {name} is ready after {took}.", "green")
    return (
        f"{headline}\n\nNext:\n  fairlead kubeconfig {name} --out {name}.kubeconfig\n"
        f"  KUBECONFIG={name}.kubeconfig kubectl get nodes"
    )


def _interrupted(accepted: bool, again: str) -> str:
    if accepted:
        return f"\nStopped following. The change goes on; `{again}` again follows it."
    return f"\nStopped. If the change was accepted already, `{again}` follows it."

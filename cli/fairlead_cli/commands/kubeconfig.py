"""`fairlead kubeconfig`: a kubeconfig for people. The key is made here and never leaves this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import ClusterName, examples, run, single
from fairlead_cli.contexts import write_private
from fairlead_cli.kubeconfig_file import default_path, document, merged, read, yaml_text
from fairlead_cli.render.console import note, say
from fairlead_cli.render.words import clock_time
from fairlead_wire.errors import Invalid
from fairlead_wire.identity import key_pem, new_key, request_der

app = single()


@app.command(
    epilog=examples(
        "fairlead kubeconfig lab --out lab.kubeconfig",
        "KUBECONFIG=lab.kubeconfig kubectl get nodes",
        "fairlead kubeconfig lab --merge       into ~/.kube/config, and make it the current context",
    )
)
def kubeconfig(
    context: typer.Context,
    name: ClusterName,
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Write to FILE, mode 0600; - prints it.")] = "-",
    merge: Annotated[
        bool, typer.Option("--merge", help="Add it to $KUBECONFIG or ~/.kube/config and make it current.")
    ] = False,
) -> None:
    """Get a kubeconfig for a cluster.

    The private key is made on this machine; only a signing request is sent.
    """
    if merge and out != "-":
        raise Invalid("--out and --merge exclude each other.", "Give one of them.")
    key = new_key()
    request = clusters_pb2.IssueKubeconfigRequest(name=f"clusters/{name}", csr=request_der(key))

    async def issue(client: Client) -> clusters_pb2.IssueKubeconfigResponse:
        return await client.call(client.clusters.IssueKubeconfig, request)

    answer = run(context, issue)
    made = document(name, answer.server, answer.authority.encode(), answer.certificate.encode(), key_pem(key))
    if merge:
        path = default_path()
        _write(path, yaml_text(merged(read(path), made)))
        note(f"Context fairlead-{name} is in {path} and current; it ends {clock_time(answer.expire_time)}.")
    elif out == "-":
        say(yaml_text(made).rstrip())
    else:
        _write(Path(out), yaml_text(made))
        note(f"Wrote {out}; it ends {clock_time(answer.expire_time)}. Try: KUBECONFIG={out} kubectl get nodes")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path.resolve(), text)  # a link to it stays one
    except OSError as error:
        raise Invalid(f"{path} can't be written: {error.strerror}.", "Choose another file with --out.") from None

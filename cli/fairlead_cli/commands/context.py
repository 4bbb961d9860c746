"""`fairlead context`: ls, show, use. Needs no controller."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from fairlead_cli import contexts
from fairlead_cli.commands.options import Format, Output, examples, group, settings
from fairlead_cli.contexts import Context
from fairlead_cli.render.console import say
from fairlead_cli.render.plain import json_text
from fairlead_cli.render.tables import pairs, table
from fairlead_cli.render.words import span
from fairlead_wire.errors import Invalid

app = group("context", "Controllers that this machine knows: ls, show, use.")


@app.command("ls", epilog=examples("fairlead context ls", "fairlead context ls -o json"))
def ls(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List contexts; * marks the current one."""
    current = settings(context).context or contexts.current_name()
    found = [_about_file(name, current) for name in contexts.names()]
    if output is Format.JSON:
        say(json_text(found))
    elif found:
        headers = ("", "NAME", "ENDPOINT", "WHO", "ROLE", "CERTIFICATE ENDS")
        marks = {True: "*", False: " "}
        say(table(headers, [(marks[one["current"]], *_cells(one)) for one in found]))
    else:
        say("This machine knows no controller: `fairlead lab up` starts a local one.")


@app.command(epilog=examples("fairlead context show", "fairlead context show lab"))
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The current one if left out.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Show a context, without its key."""
    chosen = contexts.find(name or settings(context).context)
    found = about(chosen, contexts.current_name())
    if output is Format.JSON:
        say(json_text(found))
        return
    labels = ("Context", "Endpoint", "Who", "Role", "Certificate ends")
    rows = list(zip(labels, _cells(found), strict=True))
    say(pairs([*rows, ("Fleet", chosen.fleet_id), ("File", str(contexts.context_path(chosen.name)))]))


@app.command(epilog=examples("fairlead context use lab"))
def use(name: Annotated[str, typer.Argument(metavar="NAME", help="From `fairlead context ls`.")]) -> None:
    """Make a context the current one."""
    contexts.use(name)
    say(f"Context {name} is the current one.")


def _about_file(name: str, current: str) -> dict[str, Any]:
    """One broken file must not hide the others."""
    try:
        return about(contexts.load(contexts.context_path(name)), current)
    except Invalid:
        return about(Context(name, "", "", "", "", ""), current)


def about(context: Context, current: str) -> dict[str, Any]:
    """What may be shown of a context."""
    from cryptography import x509

    from fairlead_wire.identity import principal_of

    try:
        certificate = x509.load_pem_x509_certificate(context.certificate.encode())
    except ValueError:
        who, ends = None, None
    else:
        who, ends = principal_of(certificate), certificate.not_valid_after_utc
    return {
        "name": context.name,
        "current": context.name == current,
        "endpoint": context.endpoint,
        "fleet_id": context.fleet_id,
        "principal": who.name if who else None,
        "role": str(who.role) if who else None,
        "expires": ends.isoformat().replace("+00:00", "Z") if ends else None,
        "seconds_left": int(ends.timestamp() - time.time()) if ends else None,
    }


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    left = one["seconds_left"]
    ends = "unreadable" if left is None else f"in {span(left)}" if left > 0 else f"ended {span(-left)} ago"
    return one["name"], one["endpoint"], one["principal"] or "", one["role"] or "", ends

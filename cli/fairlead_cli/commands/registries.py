"""`fairlead registry`: ls, set, rm."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fairlead.api.v1 import registries_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, examples, group, run
from fairlead_cli.render.console import say
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.tables import table
from fairlead_cli.render.words import ago, last_part
from fairlead_wire.errors import Invalid, Missing

STDIN = "-"
NONE = "Nothing is said of any registry: nodes ask each as it is, without a login. See `fairlead registry set --help`."

app = group("registry", "Registries that images come from: their mirrors and logins. ls, set, rm.")

Host = Annotated[str, typer.Argument(metavar="HOST", help="As in references of images; docker.io is Docker Hub.")]


@app.command("ls", epilog=examples("fairlead registry ls", "fairlead registry ls -o json"))
def ls(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List what is said of registries. Passwords are kept sealed and never shown."""
    known = run(context, _all)
    say(json_text([plain(registry) for registry in known]) if output is Format.JSON else registries_table(known))


@app.command(
    "set",
    epilog=examples(
        "fairlead registry set registry.k8s.io --mirror mirror.example.com/k8s",
        "fairlead registry set registry.example.com --username robot --password-file secret",
        "pass show robot | fairlead registry set registry.example.com --username robot --password-file -",
    ),
)
def set_registry(
    context: typer.Context,
    host: Host,
    mirror: Annotated[
        list[str] | None,
        typer.Option("--mirror", metavar="HOST[/PATH]", help="Asked first, in the order given; repeatable."),
    ] = None,
    username: Annotated[str, typer.Option("--username", "-u", metavar="NAME", help="For the login.")] = "",
    password_file: Annotated[
        str,
        typer.Option(
            "--password-file", metavar="FILE", help="The file with the password, - for stdin; without it the old one."
        ),
    ] = "",
) -> None:
    """Say how a registry is to be used; it replaces what was said of it before.

    Agents get the login over their session, hold it in memory, and hand it to Docker with each pull.
    """
    request = registries_pb2.SetRegistryRequest(
        registry=registries_pb2.Registry(name=f"registries/{host}", mirrors=mirror or [], username=username),
        password=password(password_file),
    )
    answer = run(context, lambda client: client.call(client.registries.SetRegistry, request))
    say(registries_table([answer.registry]))


@app.command("rm", epilog=examples("fairlead registry rm registry.example.com"))
def rm(context: typer.Context, host: Host) -> None:
    """Forget mirrors and login of a registry."""
    request = registries_pb2.DeleteRegistryRequest(name=f"registries/{host}")
    run(context, lambda client: client.call(client.registries.DeleteRegistry, request))
    say(f"Mirrors and login of {host} are forgotten.")


def password(file: str) -> str:
    """The first line of a file, so that no password is ever in argv. Raises Missing, Invalid."""
    if not file:
        return ""
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing(f"There is no file {file}.", "Give the file with the password, or - to pipe it in.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not text.", "Put the password, and nothing else, into it.") from None
    found = text.rstrip("\r\n")
    if not found:
        raise Invalid(f"{'What was piped in' if file == STDIN else file} is empty.", "Put the password into it.")
    return found


def registries_table(known: list[registries_pb2.Registry]) -> str:
    if not known:
        return NONE
    rows = [
        (
            last_part(registry.name),
            ", ".join(registry.mirrors),
            registry.username,
            ago(registry.update_time, time.time()),
        )
        for registry in known
    ]
    return table(("REGISTRY", "MIRRORS", "LOGIN", "SET"), rows)


async def _all(client: Client) -> list[registries_pb2.Registry]:
    answer = await client.call(client.registries.ListRegistries, registries_pb2.ListRegistriesRequest())
    return list(answer.registries)

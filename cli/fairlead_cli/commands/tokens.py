"""`fairlead token`: create, ls, revoke."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.commands.options import Format, Output, examples, group, run
from fairlead_cli.render.console import paint, say
from fairlead_cli.render.nodes import tokens_table
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.words import clock_time, iso_time, seconds, span
from fairlead_wire.errors import Invalid, Problem

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}

app = group("token", "Tokens by which servers become nodes: create, ls, revoke.")


@app.command(
    epilog=examples(
        "fairlead token create",
        "fairlead token create --cluster lab --label disk=ssd --label zone=a",
        "fairlead token create --ttl 10m -o json | jq -r .command",
    )
)
def create(
    context: typer.Context,
    cluster: Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="The cluster it is meant for.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label; repeatable.")
    ] = None,
    ttl: Annotated[
        str, typer.Option("--ttl", metavar="TIME", help="How long it is valid: 30m, 1h, 2d; at most 7d.")
    ] = "1h",
    output: Output = Format.TABLE,
) -> None:
    """Make a token and print the lines to paste on a server.

    It works once and for a limited time. Whoever has it can make a server a node: hand it over as you would a password.
    """
    request = nodes_pb2.CreateTokenRequest(labels=labels(label or []), cluster=cluster, ttl_seconds=duration(ttl))
    answer = run(context, lambda client: client.call(client.tokens.CreateToken, request))
    if output is Format.JSON:
        ends = iso_time(answer.token.expire_time)
        found = {"token": answer.secret, "command": answer.command, "image": answer.image, "expires": ends}
        say(json_text({"id": answer.token.name.rpartition("/")[2], **found}))
    else:
        say(paste_text(answer, time.time()))


@app.command("ls", epilog=examples("fairlead token ls", "fairlead token ls -o json"))
def ls(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List tokens, newest first; their secrets are not kept anywhere."""
    tokens = run(
        context, lambda client: client.pages(client.tokens.ListTokens, nodes_pb2.ListTokensRequest(), "tokens")
    )
    say(json_text([plain(token) for token in tokens]) if output is Format.JSON else tokens_table(tokens, time.time()))


@app.command(epilog=examples("fairlead token revoke 3f2a91c07d"))
def revoke(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The token's identifier, from `fairlead token ls`.")],
) -> None:
    """Make a token useless. Nodes that have used it stay."""
    request = nodes_pb2.RevokeTokenRequest(name=f"tokens/{identifier}")
    run(context, lambda client: client.call(client.tokens.RevokeToken, request))
    say(f"Token {identifier} is revoked.")


def paste_text(answer: nodes_pb2.CreateTokenResponse, now: float) -> str:
    """What to do on a server, in the order of doing."""
    left = span(seconds(answer.token.expire_time) - now)
    return "\n".join(
        [
            paint("# 1. Get the agent's image onto the server: either pull it there,", "dim"),
            f"docker pull {answer.image}",
            paint("#    or send it from a machine that has it:", "dim"),
            f"docker save {answer.image} | ssh root@SERVER docker load",
            "",
            paint("# 2. On the server, as root:", "dim"),
            answer.command,
            "",
            paint(f"# The token works once, until {clock_time(answer.token.expire_time)} (in {left}).", "dim"),
            paint("# Then `fairlead node ls` shows the server.", "dim"),
        ]
    )


def labels(texts: list[str]) -> dict[str, str]:
    """key=value texts as a mapping. Raises Invalid with all that are none."""
    wrong = [
        Problem("--label", f"{text!r} is not KEY=VALUE; write for example disk=ssd")
        for text in texts
        if "=" not in text
    ]
    if wrong:
        raise Invalid("Not every label has a key and a value.", "See `fairlead token create --help`.", wrong)
    return dict(text.split("=", 1) for text in texts)


def duration(text: str) -> int:
    """Seconds of "90", "30m", "1h", "2d". Raises Invalid."""
    match = re.fullmatch(r"(\d{1,9})(s|m|min|h|d)?", text.strip())
    total = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 0 < total < 2**31:
        raise Invalid(f"{text!r} is no length of time.", "Write for example 30m, 1h or 2d.")
    return total

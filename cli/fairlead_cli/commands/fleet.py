"""`fairlead fleet`: the fleet as a whole, and the confirmation of a restored database."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead.api.v1 import fleet_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.asking import asked
from fairlead_cli.commands.options import Format, Output, examples, group, run
from fairlead_cli.render.console import paint, say
from fairlead_cli.render.fleet import fleet_text, waits_for_confirmation
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.words import last_part
from fairlead_wire.errors import Invalid

app = group("fleet", "The fleet as a whole: show, confirm.")


@app.command(epilog=examples("fairlead fleet show", "fairlead fleet show -o json"))
def show(context: typer.Context, output: Output = Format.TABLE) -> None:
    """Show the fleet, and what keeps its controller from commanding.

    After a restore the controller only observes: this shows what its database lacks, `fairlead plan` what it would do.
    """
    fleet = run(context, get_fleet)
    say(json_text(plain(fleet)) if output is Format.JSON else fleet_text(fleet))


@app.command(epilog=examples("fairlead fleet confirm", "fairlead fleet confirm --yes"))
def confirm(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Without a question.")] = False,
) -> None:
    """Let a restored database command again.

    What agents hold is taken over first, so that nothing is replaced or removed without a plan that shows it.
    """
    fleet = run(context, get_fleet)
    if not waits_for_confirmation(fleet):
        say("Nothing waits for a confirmation: the controller commands already.")
        return
    say(fleet_text(fleet))
    # Between two runs, because Ctrl-C does not get through to a question inside of one.
    if not yes and not _agreed():
        raise Invalid(
            "The fleet was not confirmed: it stays only observed.", "Confirm it with --yes when you are sure."
        )
    answer = run(context, _confirm)
    taken = ", ".join(last_part(name) for name in answer.adopted_nodes)
    say(paint("==> The fleet is confirmed: its controller commands again.", "green"))
    if taken:
        say(f"Taken over with what they hold: {taken}.")
    for node in answer.fleet.ahead_nodes:
        say(f"{last_part(node.node)} has not told what it holds and stays only observed; confirm again when it has.")


def _agreed() -> bool:
    return asked(lambda: typer.confirm("Let the controller command again?", err=True), False)


async def get_fleet(client: Client) -> fleet_pb2.Fleet:
    answer = await client.call(client.fleet.GetFleet, fleet_pb2.GetFleetRequest())
    fleet: fleet_pb2.Fleet = answer.fleet
    return fleet


async def _confirm(client: Client) -> fleet_pb2.ConfirmFleetResponse:
    return await client.call(client.fleet.ConfirmFleet, fleet_pb2.ConfirmFleetRequest())

"""`fairlead-controller`: init, serve, admin-cert, backup, restore.

Everything heavy is imported by the command that needs it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_controller.config import (
    DATA,
    ENROL_PORT,
    FLEET_PORT,
    REGISTRY_PORT,
    Serving,
    check_port,
    default_context,
    registry_program,
    system_clock,
)
from fairlead_wire.errors import FairleadError

app = typer.Typer(
    name="fairlead-controller",
    help="The central service of a Fairlead fleet.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class PeopleRole(StrEnum):
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class LogForm(StrEnum):
    CONSOLE = "console"
    JSON = "json"


Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where the database is.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="The sealing key: better on another disk than the database."),
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="A passphrase instead of a sealing key.")
]
Credential = Annotated[
    bool, typer.Option("--systemd-credential", help="The sealing key is systemd's credential `fairlead-key`.")
]


@app.command()
def init(
    address: Annotated[str, typer.Option(metavar="HOST", help="How servers and people reach this controller.")],
    data: Data = DATA,
    enrol_port: Annotated[int, typer.Option(help="Where servers join.")] = ENROL_PORT,
    fleet_port: Annotated[int, typer.Option(help="Where agents and people connect.")] = FLEET_PORT,
    context_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the admin's context goes; by default to your own ones.")
    ] = None,
    context_name: Annotated[str, typer.Option(metavar="NAME", help="By default the context file's name.")] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="The first admin, as the event log names them.")] = "admin",
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    systemd_credential: Credential = False,
) -> None:
    """Make a fleet: its database, its authority, and the context of its first admin."""
    from fairlead_controller import setup

    new = setup.NewFleet(address, enrol_port, fleet_port)
    key = setup.key_source(key_file, passphrase_file, systemd_credential) or setup.default_key(data)
    target = context_file or default_context(context_name or address)
    admin = setup.Issued(setup.person(name, PeopleRole.ADMIN), target, context_name)
    fleet = asyncio.run(setup.init(data, new, key, admin, system_clock()))
    typer.echo(f"Made fleet {fleet.id} in {data}; the admin's context is {target}.")
    if not (passphrase_file or systemd_credential):
        typer.echo(f"Keep a copy of {key.path} away from this machine: no backup opens without it.")
    typer.echo(f"Next: fairlead-controller serve --data {data}")


@app.command("admin-cert")
def admin_cert(
    name: Annotated[str, typer.Option(metavar="NAME", help="Who gets it, as the event log names them.")],
    context_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the context goes; by default to your own ones.")
    ] = None,
    data: Data = DATA,
    role: Annotated[PeopleRole, typer.Option(help="What they may do.")] = PeopleRole.ADMIN,
    context_name: Annotated[str, typer.Option(metavar="NAME", help="By default the context file's name.")] = "",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 365,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    systemd_credential: Credential = False,
) -> None:
    """Issue a certificate for a person or program, also while the controller runs."""
    from fairlead_controller import setup

    target = context_file or default_context(context_name or name)
    issued = setup.Issued(setup.person(name, role), target, context_name, days)
    key = setup.key_source(key_file, passphrase_file, systemd_credential)
    fleet = asyncio.run(setup.admin_cert(data, issued, system_clock(), key))
    typer.echo(f"Wrote {target}: {name} is {role.value} of fleet {fleet.id} for {days} days.")


@app.command()
def serve(
    data: Data = DATA,
    listen: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen at.")] = "0.0.0.0",  # noqa: S104
    enrol_port: Annotated[int, typer.Option(help="0: as `init` was told.")] = 0,
    fleet_port: Annotated[int, typer.Option(help="0: as `init` was told.")] = 0,
    registry: Annotated[
        str,
        typer.Option(metavar="PROGRAM", help="The CNCF registry, for nodes' images; by default `registry` in PATH."),
    ] = "",
    registry_port: Annotated[int, typer.Option(help="Where nodes get images from it.")] = REGISTRY_PORT,
    log_format: Annotated[LogForm, typer.Option(help="For people or for machines.")] = LogForm.CONSOLE,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    systemd_credential: Credential = False,
) -> None:
    """Run the controller until it is told to stop (SIGTERM, Ctrl-C)."""
    # gRPC's own log repeats every failed handshake of every scanner; what matters is logged by us.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.umask(0o077)
    from fairlead_controller import logs, setup
    from fairlead_controller.serve import serve as run_until_told

    logs.configure(log_format.value)
    key = setup.key_source(key_file, passphrase_file, systemd_credential)
    check_port(registry_port)
    program = registry_program(registry)
    serving = Serving(data, listen, enrol_port, fleet_port, program, registry_port)
    asyncio.run(run_until_told(serving, key, system_clock()))


@app.command()
def backup(
    data: Data = DATA,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="By default a new file in DIR/backups.")
    ] = None,
) -> None:
    """Copy the database, also while the controller runs. It does so by itself once a day."""
    from fairlead_controller import recovery

    made = recovery.backup(data, out, system_clock())
    typer.echo(f"Wrote {made} ({made.stat().st_size} bytes).")
    typer.echo("The sealing key is not in it: keep a copy of that key on another machine.")


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="A backup of this fleet.")],
    data: Data = DATA,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    systemd_credential: Credential = False,
) -> None:
    """Put a backup in the place of the database. The controller must be stopped; agents go on as they are.

    Afterwards it only observes, until an admin has looked at its plan and confirms it.
    """
    os.umask(0o077)
    from fairlead_controller import recovery, setup

    key = setup.key_source(key_file, passphrase_file, systemd_credential)
    done = asyncio.run(recovery.restore(data, source, key, system_clock()))
    typer.echo(f"Restored fleet {done.fleet.id} from {source}; its generation is {done.fleet.generation} now.")
    if done.replaced is not None:
        typer.echo(f"The database that was there is kept as {done.replaced}.")
    if done.revoked:
        typer.echo(f"{done.revoked} join token(s) that may have been used since are revoked.")
    typer.echo(f"Next: fairlead-controller serve --data {data}")
    typer.echo("Then: fairlead fleet show, and fairlead fleet confirm; until then nothing is changed anywhere.")


def main(arguments: Sequence[str]) -> int:
    """Runs one call and returns its exit code: 0 done, 1 any error, 130 Ctrl-C."""
    command: Any = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments), prog_name="fairlead-controller", standalone_mode=False)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message())
            return 0
        return _failed(error.format_message().rstrip(".") + ".", "See `fairlead-controller --help`.")
    except FairleadError as error:
        return _failed(error.message, error.next_step)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        if os.environ.get("FAIRLEAD_DEBUG"):
            traceback.print_exception(error)
        what = f"fairlead-controller itself failed: {type(error).__name__}: {error}."
        return _failed(what, "Report it with what FAIRLEAD_DEBUG=1 before the same command shows.")
    return result if isinstance(result, int) else 0


def run() -> int:
    """The console script."""
    return main(sys.argv[1:])


def _failed(message: str, next_step: str) -> int:
    typer.echo(f"Error: {message}", err=True)
    if next_step:
        typer.echo(f"→ {next_step}", err=True)
    return 1

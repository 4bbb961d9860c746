"""`fairlead`: the table of commands, and how a call ends.

Exit codes: 0 done (for `plan`: nothing to do), 2 `plan` shows changes, 1 any error, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from fairlead_cli.commands.lazy import Lazy, lazy_group
from fairlead_cli.commands.options import Settings, examples
from fairlead_cli.render.errors import show, show_wrong_call
from fairlead_wire.errors import FairleadError

_HERE = "fairlead_cli.commands"
COMMANDS = {
    "lab": Lazy("fairlead_cli.lab.commands:app", "A whole fleet on this machine: up, down, status."),
    "plan": Lazy(f"{_HERE}.plan:app", "Show what applying a spec would do; change nothing."),
    "apply": Lazy(f"{_HERE}.apply:app", "Make a cluster as its spec says, and follow it."),
    "status": Lazy(f"{_HERE}.status:app", "Clusters and nodes at a glance."),
    "kubeconfig": Lazy(f"{_HERE}.kubeconfig:app", "Get a kubeconfig for a cluster."),
    "cluster": Lazy(f"{_HERE}.clusters:app", "Clusters: validate, plan, apply, ls, show, delete."),
    "node": Lazy(f"{_HERE}.nodes:app", "Nodes: ls, show, check."),
    "token": Lazy(f"{_HERE}.tokens:app", "Tokens by which servers become nodes: create, ls, revoke."),
    "snapshot": Lazy(f"{_HERE}.snapshots:app", "Snapshots of a cluster's etcd: create, ls, export."),
    "fleet": Lazy(f"{_HERE}.fleet:app", "The fleet as a whole: show, and confirm after a restore."),
    "docker": Lazy("fairlead_cli.docker.app:app", "Docker's everyday commands, on any node: ps, logs, run, build…"),
    "events": Lazy(f"{_HERE}.events:app", "What happened, and because of what."),
    "tunnel": Lazy(f"{_HERE}.tunnel:app", "Reach a cluster's apiserver through the controller."),
    "images": Lazy("fairlead_cli.images.commands:app", "The fleet's images: ls, push, prefetch, rm; build, recipes."),
    "bundle": Lazy("fairlead_cli.bundle.commands:app", "A release in one file: create, verify, show, load, import."),
    "registry": Lazy(f"{_HERE}.registries:app", "Registries that images come from: ls, set, rm."),
    "context": Lazy(f"{_HERE}.context:app", "Controllers that this machine knows: ls, show, use."),
}

app = typer.Typer(
    name="fairlead",
    cls=lazy_group(COMMANDS),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"fairlead {version('fairlead')}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "fairlead lab up                      a cluster on this machine",
        "fairlead token create                a line to paste on a server",
        "fairlead plan -f cluster.yaml        what would change",
        "fairlead apply -f cluster.yaml       change it",
        "fairlead kubeconfig lab --out lab.kubeconfig",
    ),
)
def root(
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--context", envvar="FAIRLEAD_CONTEXT", metavar="NAME", help="Which controller to talk to.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Turns servers that run Docker into Kubernetes clusters."""
    context.obj = Settings(name)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str]) -> int:
    """Runs one call and returns its exit code."""
    command: Any = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments), prog_name="fairlead", standalone_mode=False)
    except typer.TyperException as error:
        return _wrong_call(error)
    except FairleadError as error:
        show(error)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: no second error at exit
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        show(FairleadError(f"{where}{error.strerror or error}.", "Check the path, its permissions and the disk."))
        return 1
    except Exception as error:
        return _fault(error)
    return result if isinstance(result, int) else 0


def run() -> NoReturn:
    """The console script."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what breaks is told in our own words
    _leave(main(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """Ends the process without taking the interpreter apart: nobody needs that, it takes its time, and gRPC's poller is
    waited for there without a bound (grpcio, completion_queue.pyx.pxi: `shutdown`)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more, or its disk is full
            code = code or 1
    os._exit(code)


def _wrong_call(error: Any) -> int:
    """What typer found wrong with the call; a noun without a verb gets its help."""
    where = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 0
    show_wrong_call(error.format_message(), where.command_path if where else "fairlead")
    return 1


def _fault(error: Exception) -> int:
    """A fault of ours, in a sentence; the traceback only for whoever asks for it."""
    if os.environ.get("FAIRLEAD_DEBUG"):
        traceback.print_exception(error)
    show(
        FairleadError(
            f"fairlead itself failed: {type(error).__name__}: {error}.",
            "Report it with what FAIRLEAD_DEBUG=1 before the same command shows.",
        )
    )
    return 1

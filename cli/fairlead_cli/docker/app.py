"""`fairlead docker`: the table of its commands."""

from __future__ import annotations

import typer

from fairlead_cli.commands.lazy import Lazy, lazy_group
from fairlead_cli.commands.options import examples

_HERE = "fairlead_cli.docker"
# Each target is a Typer with exactly one command; a module with several commands names them VERB_app.
COMMANDS = {
    "ps": Lazy(f"{_HERE}.ps:app", "List containers."),
    "images": Lazy(f"{_HERE}.images:app", "List images."),
    "inspect": Lazy(f"{_HERE}.inspect:app", "Show everything about containers or images."),
    "history": Lazy(f"{_HERE}.history:app", "Show the layers of an image."),
    "logs": Lazy(f"{_HERE}.logs:app", "Show what a container wrote."),
    "stats": Lazy(f"{_HERE}.stats:app", "Show what containers use."),
    "events": Lazy(f"{_HERE}.events:app", "Show what happens in Docker."),
    "run": Lazy(f"{_HERE}.run:app", "Make a container of an image and run it."),
    "exec": Lazy(f"{_HERE}.exec:app", "Run a command in a running container."),
    "attach": Lazy(f"{_HERE}.attach:app", "Attach this terminal to a running container."),
    "start": Lazy(f"{_HERE}.lifecycle:start_app", "Start containers."),
    "stop": Lazy(f"{_HERE}.lifecycle:stop_app", "Stop containers."),
    "restart": Lazy(f"{_HERE}.lifecycle:restart_app", "Stop and start containers."),
    "rm": Lazy(f"{_HERE}.lifecycle:rm_app", "Remove containers."),
    "commit": Lazy(f"{_HERE}.commit:commit_app", "Make an image of a container."),
    "tag": Lazy(f"{_HERE}.commit:tag_app", "Give an image another name."),
    "pull": Lazy(f"{_HERE}.pull:app", "Fetch an image from its registry."),
    "build": Lazy(f"{_HERE}.build:app", "Build an image from a Dockerfile."),
}

app = typer.Typer(
    name="docker",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback(
    epilog=examples(
        "fairlead docker ps -a --node web-1",
        "fairlead docker logs -f --tail 100 --node web-1 shop",
        "fairlead docker images --cluster lab",
        "fairlead docker stop --all shop",
    )
)
def docker() -> None:
    """Docker's everyday commands on any node, with the flags and the output that you know.

    Say where with --node NAME (repeatable), --cluster NAME or --all; with only one node in the fleet it is that one.
    """

"""`fairlead images`: those of the fleet's registry (`fleet.py`), and building them from source."""

from __future__ import annotations

import json
import time
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from fairlead_cli.commands.options import examples
from fairlead_cli.images import fleet
from fairlead_cli.images.builder import Builder, Built
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.prefetch import EXAMPLES, prefetch
from fairlead_cli.images.render import live

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Images of the fleet's registry, and building images from source."
)
app.command("ls", epilog=examples("fairlead images ls", "fairlead images ls -o json"))(fleet.ls)
app.command(
    "push",
    epilog=examples(
        "fairlead images push shop:1.0                               prints 192.0.2.10:7072/docker.io/library/shop:1.0",
        "fairlead images push shop:1.0 --as registry.example.com/shop:1.0",
    ),
)(fleet.push)
app.command("rm", epilog=examples("fairlead images rm shop:1.0", "fairlead images rm shop:1.0 shop:1.1 -o json"))(
    fleet.rm
)

Names = Annotated[list[str] | None, typer.Argument(help="Recipes or image names; all without.", show_default=False)]
Output = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="How to print.")]


@app.command(
    epilog=examples(
        "fairlead images build",
        "fairlead images build etcd kubelet --from source",
        "fairlead images build pause --engine unix:///var/run/docker.sock",
    )
)
def build(
    names: Names = None,
    engine: Annotated[
        str | None, typer.Option(metavar="HOST", help="Also load them into the Docker Engine at this address.")
    ] = None,
    source: Annotated[
        Literal["auto", "source"], typer.Option("--from", help="`source` never asks an image registry.")
    ] = "auto",
    output: Output = "table",
) -> None:
    """Builds images into the cache, or pulls them where a registry answers; what is cached is left as it is.

    Where the Dockerfiles of some are built: the Docker Engine of DOCKER_HOST, or the local one.
    """
    console = Console(stderr=True)
    began = time.monotonic()
    with live(console) as report:
        builder = Builder(report=report, source=source)
        built = builder.load(names or [], Engine(engine)) if engine else builder.build(names or [])
    if output == "json":
        _print_json(list(built.values()))
        return
    came = [one.how for one in built.values()]
    counts = ", ".join(f"{came.count(how)} {word}" for how, word in HOW_WORDS.items() if how in came)
    console.print(f"{len(built)} images ({counts}) in {time.monotonic() - began:.1f} s, in {builder.cache.root}")


HOW_WORDS = {"build": "built", "pull": "pulled", "cached": "cached"}


@app.command("recipes", epilog=examples("fairlead images recipes", "fairlead images recipes -o json"))
def recipes(output: Output = "table") -> None:
    """Lists every image that there is a recipe for, and whether the cache has it."""
    builder = Builder()
    found = builder.find()
    if output == "json":
        _print_json(list(found.values()))
        return
    table = Table("image", "recipe", "cached", "id", "MB", box=None, header_style="bold")
    for name, recipe in builder.recipes.recipes.items():
        here = found.get(name)
        cells = ("yes", here.image_id[7:19], f"{size(here):.0f}") if here else ("no", "", "")
        table.add_row(recipe.images[0], name, *cells)
    Console().print(table)


def size(built: Built) -> float:
    """Megabytes of an image's archive."""
    return built.archive.stat().st_size / 1e6


def _print_json(images: list[Built]) -> None:
    typer.echo(json.dumps([as_document(one) for one in images], indent=2))


def as_document(built: Built) -> dict[str, object]:
    """What `-o json` shows of an image."""
    return {
        "recipe": built.name,
        "images": list(built.images),
        "id": built.image_id,
        "archive": str(built.archive),
        "how": built.how,
        "seconds": round(built.seconds, 2),
    }


app.command("prefetch", epilog=EXAMPLES)(prefetch)

"""`fairlead lab`: a real cluster on this machine, made, shown and taken away."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fairlead_cli import contexts
from fairlead_cli.bundle.commands import verified
from fairlead_cli.bundle.verifying import refuse_unless_well
from fairlead_cli.commands.options import Format, Output, examples, group
from fairlead_cli.images.progress import Step as Progressing
from fairlead_cli.lab import bringup, engine, front, kept_bundle, kubectl, size
from fairlead_cli.lab import down as teardown
from fairlead_cli.lab import status as state
from fairlead_cli.lab import walk as walking
from fairlead_cli.lab.from_bundle import BundleStock
from fairlead_cli.lab.images import Stock
from fairlead_cli.lab.lock import held
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.progress import display_for, summary
from fairlead_cli.lab.steps import Outcome, Step, run
from fairlead_cli.render.console import paint, say

INTERRUPTED = 130  # 128 and SIGINT, as shells have it

app = group("lab", "A whole fleet on this machine: servers as containers, a controller, a cluster.")

Name = Annotated[str, typer.Option("--name", help="Which lab, if there are several.")]
Servers = Annotated[
    int | None,
    typer.Option("--servers", metavar="N", help="How many servers: 3, or as many as the lab has.", show_default=False),
]
Masters = Annotated[
    int, typer.Option("--control-planes", metavar="M", help="How many of them are control planes; the rest work.")
]


Zones = Annotated[
    int,
    typer.Option(
        "--zones", metavar="Z", help="In how many zones they stand: one each, or this many in turn.", show_default=False
    ),
]
FromBundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        envvar="FAIRLEAD_BUNDLE",
        help="Take all images from this bundle; build nothing, ask no registry.",
    ),
]


@app.command(
    epilog=examples(
        "fairlead lab up",
        "fairlead lab up --servers 5",
        "fairlead lab up --servers 6 --zones 2",
        "fairlead lab up --servers 1 --name spare",
        "fairlead lab up --bundle lab.tar",
    )
)
def up(
    name: Name = "lab",
    servers: Servers = None,
    control_planes: Masters = size.CONTROL_PLANES,
    zones: Zones = 0,
    bundle: FromBundle = None,
) -> None:
    """Makes the lab, or whatever of it is missing. Run it again at any time."""
    lab = size.chosen(name, servers, control_planes, zones)
    stock = stock_from(bundle) if bundle else stock_at_hand()
    size.remember(lab)
    outcomes, seconds = carry_out(lab, bringup.steps(lab, stock))
    console = Console()
    console.print()
    console.print(summary(outcomes, seconds))
    console.print()
    for line in next_commands(lab):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command(epilog=examples("fairlead lab walk", "fairlead lab walk --name spare"))
def walk(name: Name = "lab") -> None:
    """Walks once more: creates the nginx pod with kubectl, changes it from inside, deletes it."""
    lab = Lab(name)
    steps = [Step("walk", "A pod in it", lambda: None, lambda say: walking.walk(lab, say))]
    carry_out(lab, steps, "walk")


@app.command(epilog=examples("fairlead lab down", "fairlead lab down --name spare"))
def down(name: Name = "lab") -> None:
    """Removes the lab: containers, network, volumes, controller, state. Cached images stay."""
    lab = Lab(name)
    if engine.version() is None:
        raise LabError("no Docker Engine answers, so the lab's containers cannot be removed", "Start Docker")
    with held(lab):
        removed = teardown.down(lab)
    typer.echo(f"Removed: {', '.join(removed)}." if removed else f"There is no lab `{name}`: nothing to remove.")


@app.command(epilog=examples("fairlead lab status", "fairlead lab status --name spare -o json"))
def status(name: Name = "lab", output: Output = Format.TABLE) -> None:
    """Shows what the lab is like now; the exit code is 1 unless all is well."""
    if engine.version() is None:
        raise LabError("no Docker Engine answers", "`fairlead lab up` starts one")
    lines = state.status(name)
    if output is Format.JSON:
        typer.echo(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        for line in lines:
            mark = paint("✓", "green") if line.well else paint("✗", "red")
            say(f"{mark} {line.what:<14} {line.told}")
    raise typer.Exit(0 if all(line.well for line in lines) else 1)


def carry_out(lab: Lab, steps: Sequence[Step], verb: str = "up") -> tuple[list[Outcome], float]:
    """Carries out steps with a display; Ctrl-C ends it cleanly and says how to go on."""
    console = Console()
    begin = time.monotonic()
    try:
        with held(lab), display_for(console, steps) as display:
            return run(steps, display), time.monotonic() - begin
    except KeyboardInterrupt:
        again = f"{front.shown('fairlead')} lab {verb}{lab.option}"
        console.print(f"Stopped. Run `{again}` again: it continues where it ended.", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def stock_from(bundle: Path) -> Stock:
    """The images of a bundle, once it is verified. Raises Invalid if it is not well, or not made for a lab."""
    return BundleStock(verified(bundle, ""))


def stock_at_hand() -> Stock:
    """The cache's images, and those of a bundle that lies beside them; it is verified when something is taken."""
    found = kept_bundle.find()
    if found is None:
        return Stock()
    silent = Progressing("verify", lambda _: None, time.monotonic)
    return kept_bundle.CacheFirst(lambda: BundleStock(refuse_unless_well(found, "", silent)))


def next_commands(lab: Lab) -> list[str]:
    """The three commands to try next."""
    fairlead = front.shown("fairlead")
    chosen = "" if contexts.current_name() == lab.name else f" --context {lab.name}"
    program = kubectl.program()
    typed = program.name if program != kubectl.BESIDE else str(front.shorter(program))
    return [
        "Try next:",
        f"  {fairlead}{chosen} status --watch",
        f"  KUBECONFIG={front.shorter(lab.kubeconfig)} {typed} get pods --all-namespaces",
        f"  KUBECONFIG={front.shorter(lab.kubeconfig)} {typed} create -f {front.shorter(walking.MANIFEST)}",
        f"It all goes away with `{fairlead} lab down{lab.option}`.",
    ]

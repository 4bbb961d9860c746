"""`fairlead bundle`: all images of a release in one file, made, checked, shown, given to Docker or to the fleet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from fairlead_cli.bundle import create as making
from fairlead_cli.bundle import load as loading
from fairlead_cli.bundle import render
from fairlead_cli.bundle.opened import Bundle, chosen, open_bundle
from fairlead_cli.bundle.verifying import refuse_unless_well
from fairlead_cli.commands.options import Format, Output, examples, group, run
from fairlead_cli.images.builder import Builder
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.progress import Report, Step
from fairlead_cli.images.render import live
from fairlead_cli.render.console import note, say
from fairlead_cli.render.plain import json_text
from fairlead_wire.errors import Invalid

app = group("bundle", "All images of a release in one file: create, verify, show, load, import.")

BundleFile = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[IMAGE]...", help="Which images; all without.", show_default=False)
]
Digest = Annotated[
    str, typer.Option("--digest", metavar="DIGEST", help="Refuse any bundle but the one of this digest.")
]


@app.command(
    epilog=examples(
        "fairlead bundle create --kubernetes v1.37.2 -o fairlead-v1.37.2.tar",
        "fairlead bundle create --kubernetes v1.37.2 --for-lab -o lab.tar     with all that `lab up --bundle` needs",
    )
)
def create(
    kubernetes: Annotated[str, typer.Option("--kubernetes", metavar="VERSION", help="The release, as in v1.37.2.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where it goes; replaced when whole.")],
    source: Annotated[
        Literal["auto", "source"], typer.Option("--from", help="`source` never asks an image registry.")
    ] = "auto",
    for_lab: Annotated[
        bool, typer.Option("--for-lab", help="Also what the lab needs: servers, nginx, kubectl.")
    ] = False,
) -> None:
    """Write all images of a release into one file; what is not in the cache is built from source, or pulled.

    The same images give the same bytes everywhere. The digest names the bundle: publish it beside the file.
    """
    began = time.monotonic()
    with reporting() as report:
        builder = Builder(report=report, source=source)
        step = Step("bundle", report, time.monotonic)
        made = making.create(builder, kubernetes, out, step, for_lab=for_lab)
        step.finish("written")
    note(f"Wrote {out} in {time.monotonic() - began:.1f} s: {render.summary(made.document)}")
    for line in render.unknown(made.document):
        note(line)
    say(made.digest)


@app.command(
    "verify", epilog=examples("fairlead bundle verify b.tar", "fairlead bundle verify b.tar --digest sha256:…")
)
def check(file: BundleFile, digest: Digest = "") -> None:
    """Recompute every digest, follow every reference; tell all that is wrong, with exit code 1."""
    bundle = verified(file, digest)
    say(f"{file} is well: {bundle.digest}, {render.summary(bundle.document)}")


@app.command(
    epilog=examples(
        "fairlead bundle show b.tar", "fairlead bundle show b.tar --parts kubelet", "fairlead bundle show b.tar -o json"
    )
)
def show(
    file: BundleFile,
    names: Names = None,
    parts: Annotated[bool, typer.Option("--parts", help="Each package and module in them with its licence.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """List images, digests, sizes and licences. Layers are not read: `fairlead bundle verify` does that."""
    bundle = open_bundle(file)
    entries = chosen(bundle, names or [])
    if output is Format.JSON:
        say(render.as_json(bundle, entries))
        return
    say(render.parts_table(entries) if parts else render.images_table(entries))
    note(f"{bundle.digest}: {render.summary(bundle.document)}")


@app.command(
    epilog=examples(
        "fairlead bundle load b.tar                                  into this machine's Docker",
        "fairlead bundle load b.tar kubelet etcd --to ssh://root@server",
        "fairlead bundle load b.tar --to docker-archive:- | ssh root@server docker load",
    )
)
def load(
    file: BundleFile,
    names: Names = None,
    to: Annotated[
        str, typer.Option("--to", metavar="WHERE", help="An Engine's address, docker-archive:FILE or docker-archive:-.")
    ] = "",
    digest: Digest = "",
) -> None:
    """Give images to Docker under their upstream names, after the bundle was verified. What is there stays."""
    if ":" not in to and to:
        raise Invalid(f"`{to}` is no place to load to.", f"Write unix:///var/run/docker.sock or {loading.ARCHIVE}FILE.")
    bundle = verified(file, digest)
    entries = chosen(bundle, names or [])
    with reporting() as report:
        step = Step("load", report, time.monotonic)
        if to.startswith(loading.ARCHIVE):
            loading.to_archive(bundle, entries, to.removeprefix(loading.ARCHIVE), step)
            step.finish("written")
            return
        loaded = loading.to_engine(bundle, entries, Engine(to or None), step)
        step.finish("loaded")
    note(f"{len(loaded)} images loaded, {len(entries) - len(loaded)} were there.")


@app.command(
    "import",
    epilog=examples(
        "fairlead bundle import b.tar                                all images, for all nodes",
        "fairlead bundle import b.tar kubelet etcd --digest sha256:…",
    ),
)
def import_(
    context: typer.Context, file: BundleFile, names: Names = None, digest: Digest = "", output: Output = Format.TABLE
) -> None:
    """Give images to the controller, from where all nodes get them, after the bundle was verified.

    What the fleet's registry has is not sent again: broken off, it goes on when it is run again.
    """
    # The other commands talk to no controller, and need not pay for this.
    from fairlead_cli.bundle import importing
    from fairlead_cli.images import fleet
    from fairlead_cli.images.upload import upload

    bundle = verified(file, digest)
    images = importing.outgoing(bundle, chosen(bundle, names or []))
    with reporting() as report:
        step = Step("import", report, time.monotonic)
        done = run(context, lambda client: upload(client, images, step))
        step.finish("imported")
    if output is Format.JSON:
        say(json_text(fleet.uploaded(done)))
        return
    say(fleet.sent_text(done))


def verified(file: Path, digest: str) -> Bundle:
    """A bundle in which nothing is wrong, and which is the wanted one. Raises Invalid with all that is wrong."""
    with reporting() as report:
        step = Step("verify", report, time.monotonic)
        bundle = refuse_unless_well(file, digest, step)
        step.finish("verified")
    return bundle


@contextmanager
def reporting() -> Iterator[Report]:
    """Progress on standard error."""
    with live(Console(stderr=True)) as report:
        yield report

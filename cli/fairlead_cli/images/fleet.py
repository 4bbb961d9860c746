"""`fairlead images ls|push|rm`: what the fleet's registry has."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fairlead.api.v1 import images_pb2
from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, Output, run
from fairlead_cli.images import archive
from fairlead_cli.images.cache import Cache, default_root
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.progress import Step
from fairlead_cli.images.render import live
from fairlead_cli.images.upload import Outgoing, Uploaded, list_images, upload
from fairlead_cli.render.console import note, say
from fairlead_cli.render.plain import json_text, plain
from fairlead_cli.render.tables import table
from fairlead_cli.render.words import ago, size
from fairlead_wire.errors import Missing
from fairlead_wire.image_names import image_name

# Removing takes the disk's time, and waits for a sweep that is under way.
CHANGE_SECONDS = 120.0
NO_REGISTRY = "The controller runs no registry now: nodes don't get images from it. Its log says why."

FromEngine = Annotated[
    str | None, typer.Option("--engine", metavar="HOST", help="Take it from the Docker Engine at this address.")
]


def ls(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List the images that the fleet's registry has."""
    found = run(context, list_images)
    if output is Format.JSON:
        say(json_text(plain(found)))
        return
    say(images_table(found, time.time()))
    note(NO_REGISTRY if not found.registry else f"{summary(found)} {sources_text(found)}")


def push(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="An image that Docker here has, as `shop:1.0`.")],
    target: Annotated[str, typer.Option("--as", metavar="NAME", help="Its name there; by default its own.")] = "",
    engine: FromEngine = None,
    output: Output = Format.TABLE,
) -> None:
    """Put an image of this machine's Docker into the fleet's registry, and print the name that pods use.

    Layers that the registry has are not sent again. Broken off, it goes on when it is run again.
    """
    reference = str(image_name(target or name))
    docker = Engine(engine)
    image_id = docker.id_of(name)
    if image_id is None:
        raise Missing(f"Docker at {docker.host} has no image {name}.", "See `docker image ls`, or build or pull it.")
    known = {image.reference: image for image in run(context, list_images).images}.get(reference)
    if known is not None and image_id in (known.image_id, known.digest):
        done = run(context, lambda client: _unchanged(client, reference))
    else:
        done = _send(context, docker, name, reference)
    [image] = done.images
    if output is Format.JSON:
        say(json_text(uploaded(done)))
        return
    note(sent_text(done))
    say(f"{done.registry}/{image.reference}" if done.registry else image.reference)


def rm(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Names, from `fairlead images ls`.")],
    output: Output = Format.TABLE,
) -> None:
    """Take images from the fleet's registry. What nodes have of them stays there.

    Blobs that no other image needs go too, those that came within the last hour a little later.
    """
    freed: dict[str, int] = {}

    async def work(client: Client) -> None:
        for name in names:
            request = images_pb2.DeleteFleetImageRequest(reference=name)
            answer = await client.call(client.images.DeleteFleetImage, request, CHANGE_SECONDS)
            freed[str(image_name(name))] = answer.freed_bytes
            if output is Format.TABLE:
                say(f"{image_name(name)} is gone; {size(answer.freed_bytes) or 'nothing yet'} freed.")

    run(context, work)
    if output is Format.JSON:
        say(json_text([{"reference": name, "freed_bytes": count} for name, count in freed.items()]))


def images_table(found: images_pb2.ListFleetImagesResponse, now: float) -> str:
    rows = [(one.reference, one.digest[7:19], size(one.size_bytes), ago(one.create_time, now)) for one in found.images]
    return table(("IMAGE", "DIGEST", "SIZE", "CAME"), rows)


def summary(found: images_pb2.ListFleetImagesResponse) -> str:
    count = len(found.images)
    return f"{count} image{'' if count == 1 else 's'}, {size(found.size_bytes) or 'nothing'} on the controller's disk."


def sources_text(found: images_pb2.ListFleetImagesResponse) -> str:
    """Where nodes get them, the seeds of zones first."""
    seeds = [_seed_text(seed) for seed in found.seeds]
    return f"Nodes get them from {', '.join([*seeds, found.registry])}."


def _seed_text(seed: images_pb2.ZoneSeed) -> str:
    where = f"in zone {seed.zone}" if seed.zone else "without a zone"
    name = seed.node.removeprefix("nodes/")
    return f"{name} {where} ({seed.at or 'which does not answer yet'})"


def sent_text(done: Uploaded) -> str:
    """What an upload did, for people."""
    count, new = len(done.images), len(done.named)
    what = f"{new} of {count} image{'' if count == 1 else 's'} new or changed" if new else "Nothing new"
    sent = f"; {done.blobs} blobs sent, {size(done.size)}" if done.blobs else ""
    return f"{what}{sent}." + (f" Nodes get them from {done.registry}." if done.registry else f" {NO_REGISTRY}")


def uploaded(done: Uploaded) -> dict[str, object]:
    """What an upload did, for programs."""
    images = [{**plain(image), "new": image.reference in done.named} for image in done.images]
    return {"registry": done.registry, "images": images, "sent_blobs": done.blobs, "sent_bytes": done.size}


def _send(context: typer.Context, docker: Engine, name: str, reference: str) -> Uploaded:
    cache = Cache(default_root(os.environ, Path.home()))
    with cache.scratch() as scratch, live(Console(stderr=True)) as report:
        step = Step("push", report, time.monotonic)
        step.tell(f"taking it from {docker.host}")
        image = _saved(docker, name, scratch)
        manifest = archive.canonical(archive.manifest(image))
        outgoing = Outgoing(reference, manifest, (image.config, *image.layers))
        done = run(context, lambda client: upload(client, [outgoing], step))
        step.finish("sent")
    return done


def _saved(docker: Engine, name: str, scratch: Path) -> archive.Image:
    """The image as files; layers uncompressed, as nodes have them."""
    saved = scratch / "saved.tar"
    docker.save([name], saved)
    # Docker's own archives may have no names, which `in_place` does not expect.
    [image] = archive.unpack(saved, scratch)
    saved.unlink()
    return image


async def _unchanged(client: Client, reference: str) -> Uploaded:
    found = await list_images(client)
    images = tuple(image for image in found.images if image.reference == reference)
    return Uploaded(images, frozenset(), 0, 0, found.registry)

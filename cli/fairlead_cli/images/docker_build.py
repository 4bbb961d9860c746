"""Images from ordinary Dockerfiles: built by Docker, then rewritten so that times and names are fixed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlead_cli.images import archive, layers
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.job import Job

STEP_LINE = re.compile(r"Step (\d+)/(\d+) : (.*)")
MACHINE_SETTINGS = ("Hostname", "Domainname", "Image")  # of the container that the classic builder used


def stage(folder: Path, binaries: Mapping[str, Path], extra: Mapping[str, Path], context: Path) -> None:
    """Lays out a build context: the recipe's files, its programs in bin/, and the extra folders by name."""
    shutil.copytree(folder, context, ignore=shutil.ignore_patterns("recipe.toml", "__pycache__"))
    (context / "bin").mkdir(exist_ok=True)
    for name, path in binaries.items():
        os.link(path, context / "bin" / name)
    for name, source in extra.items():
        shutil.copytree(source, context / name, copy_function=os.link)


def build(job: Job, context: Path, base: Path, engine: Engine) -> None:
    """Builds a staged context and writes the image's archive. The Engine has loaded the archive `base` already."""

    def follow(line: str) -> None:
        found = parse_step(line)
        if found:
            job.step.tell(found[2], done=found[0] - 1, total=found[1])

    arguments = {"SOURCE_DATE_EPOCH": str(archive.EPOCH)}
    labels = {archive.KEY_LABEL: job.key}
    identity = engine.build(context, job.scratch / "id", labels, arguments, follow, job.step.tick)
    try:
        job.step.tell("writing the archive")
        saved = job.scratch / "saved.tar"
        engine.save([identity], saved)
        normalise(saved, job, archive.layer_digests(base))
    finally:
        engine.forget(identity)


def parse_step(line: str) -> tuple[int, int, str] | None:
    """Number, count and instruction from a line of the classic builder, if it tells of a step."""
    found = STEP_LINE.match(line)
    return (int(found[1]), int(found[2]), " ".join(found[3].split())) if found else None


def normalise(saved: Path, job: Job, kept: set[str]) -> None:
    """Rewrites the one image of an archive of Docker's: fixed times, no trace of the building machine.

    Layers in `kept`, by digest, stay as they are: they are the base's.
    """
    blobs = job.scratch / "blobs"
    blobs.mkdir()
    [image] = archive.unpack(saved, blobs)
    fresh = tuple(layer if layer.digest in kept else _fixed(layer, blobs) for layer in image.layers)
    document = fixed_configuration(json.loads(image.config.path.read_bytes()), fresh)
    config = archive.add_blob(blobs, archive.canonical(document))
    archive.write([archive.Image(config, fresh, job.recipe.images)], job.out)


def fixed_configuration(document: Mapping[str, Any], fresh: tuple[archive.Blob, ...]) -> dict[str, Any]:
    """The configuration with our layers, fixed times, and without what tells of the machine and the moment."""
    settings = {name: value for name, value in document["config"].items() if name not in MACHINE_SETTINGS}
    history = [
        {name: entry[name] for name in ("created_by", "empty_layer") if name in entry}
        for entry in document.get("history", ())
    ]
    return {
        **archive.configuration(settings, fresh, document["architecture"], ""),
        "history": [{"created": archive.CREATED, **entry} for entry in history],
    }


def _fixed(layer: archive.Blob, folder: Path) -> archive.Blob:
    path = folder / "fixed"
    layers.normalise(layer.path, path)
    return archive.adopt_blob(folder, path)

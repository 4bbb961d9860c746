"""Small images and bundles, made by hand: layers of a few files, one of them in two images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairlead_cli.bundle import create
from fairlead_cli.bundle.contents import Contents, Given, contents
from fairlead_cli.bundle.licences.parts import Survey
from fairlead_cli.images import archive, layers
from fairlead_cli.images.progress import Step, silent

BASE: Mapping[str, bytes] = {"/etc/base": b"what both have\n" * 40}
GO_LICENCES = {"example.com/tool": "MIT"}


def step() -> Step:
    """A step that tells nobody."""
    return Step("bundle", silent, time.monotonic)


def image(folder: Path, name: str, *contents: Mapping[str, bytes], architecture: str = "amd64", key: str = "") -> Given:
    """An image of layers with these files, the lowest first. `key`: what it was built under."""
    folder.mkdir(parents=True, exist_ok=True)
    blobs = tuple(layer(folder, files) for files in contents)
    labels = {"Labels": {archive.KEY_LABEL: key}} if key else {}
    document = archive.configuration({"Entrypoint": ["/tool"], **labels}, blobs, architecture, "a test")
    config = archive.add_blob(folder, archive.canonical(document))
    return Given(name, archive.Image(config, blobs, (f"example.com/{name}:1",)))


def layer(folder: Path, files: Mapping[str, bytes]) -> archive.Blob:
    """A layer; files below a `bin` can be executed."""
    out = folder / "layer"
    entries = {path: layers.File(content, 0o755 if "/bin/" in path else 0o644) for path, content in files.items()}
    layers.write(entries, out)
    return archive.adopt_blob(folder, out)


def two_images(folder: Path) -> list[Given]:
    """Two images on one layer."""
    return [
        image(folder, "one", BASE, {"/one": b"1" * 700}),
        image(folder, "two", BASE, {"/two": b"2" * 512}),
    ]


def filled(given: Sequence[Given], programs: Mapping[str, Path] | None = None) -> Contents:
    """A bundle of these images, not yet written."""
    return contents("v0.0.1", "0.1.0", given, programs or {}, Survey(GO_LICENCES), step())


def bundle(folder: Path, name: str = "bundle.tar") -> Path:
    """A bundle of the two images, written."""
    out = folder / name
    create.write(filled(two_images(folder / "blobs")), out, step())
    return out

"""The images of a lab from a bundle alone: nothing is built, no registry is asked.

Servers' Dockers load archives. Those that the cache has already, of the very same images, are used; the rest is written
from the bundle beside them. What only this machine's Docker needs is streamed to it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from fairlead_cli.bundle import docker_archive
from fairlead_cli.bundle import load as loading
from fairlead_cli.bundle.document import ImageEntry
from fairlead_cli.bundle.opened import Bundle, chosen
from fairlead_cli.images import archive
from fairlead_cli.images.builder import Built
from fairlead_cli.images.cache import Cache, default_root, key_of
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.progress import Step
from fairlead_cli.lab import images
from fairlead_cli.lab.steps import Say
from fairlead_wire.errors import Invalid


class BundleStock(images.Stock):
    """The images of one run, out of a bundle that was verified. Raises Invalid if the lab needs more than it has."""

    def __init__(self, bundle: Bundle, cache: Cache | None = None) -> None:
        super().__init__()
        self._bundle = bundle
        self._cache = cache or Cache(default_root(os.environ, Path.home()))
        wanted = {*images.ON_SERVERS, *images.FOR_THE_LAB, images.AGENT}
        lacking = sorted(wanted - {entry.name for entry in bundle.document.images})
        if lacking:
            told = f"The bundle {bundle.path} was not made for a lab: it lacks {', '.join(lacking)}."
            raise Invalid(told, "Make one with `fairlead bundle create --for-lab`.")

    def find(self, names: Sequence[str]) -> list[Built] | None:
        """The images whose archives are there, or need not be; None when one has to be written first."""
        found = {name: self._as_built(name) for name in names}
        self._built |= {name: one for name, one in found.items() if name in images.FOR_THE_LAB or one.archive.exists()}
        return self.get(*names) if all(name in self._built for name in names) else None

    def build(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images, each with its archive."""
        for name in names:
            built = self._as_built(name)
            if not built.archive.exists():
                say(f"{name}: writing its archive")
                self._cache.trim(f"{name}-bundled")
                with self._cache.writing(built.archive) as fresh:
                    docker_archive.write(self._bundle, [self._entry(name)], fresh)
            self._built[name] = built
        return self.get(*names)

    def load(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images, streamed to the outer Engine where it lacks them."""
        step = Step("lab images", lambda progress: say(images.worded(progress)), time.monotonic)
        loading.to_engine(self._bundle, chosen(self._bundle, names), Engine(), step)
        self._built |= {name: self._as_built(name) for name in names}
        return self.get(*names)

    def program(self, name: str, say: Say) -> Path:
        """A program that the bundle has, as a file. Raises Invalid if it has none of that name."""
        entry = next((one for one in self._bundle.document.programs if one.name == name), None)
        if entry is None:
            raise Invalid(f"The bundle {self._bundle.path} has no {name}.", f"Put a {name} in PATH.")
        place = self._cache.folder("programs", key_of(entry.digest)) / name
        if not place.exists():
            say(f"writing {name}")
            with self._cache.writing(place) as fresh:
                _copy(self._bundle.blob(entry.digest), fresh)
        return place

    def key_of(self, name: str) -> str:
        """The key that an image was built under (`images.keys`), empty for one that was pulled."""
        config = self._bundle.image(self._entry(name)).config
        with config.path.open("rb") as source:
            source.seek(config.offset)
            labels = json.loads(source.read(config.size)).get("config", {}).get("Labels") or {}
        return str(labels.get(archive.KEY_LABEL, ""))

    def _entry(self, name: str) -> ImageEntry:
        [entry] = chosen(self._bundle, [name])
        return entry

    def _as_built(self, name: str) -> Built:
        entry = self._entry(name)
        return Built(name, entry.references, self._archive(entry), entry.id, "cached", 0.0)

    def _archive(self, entry: ImageEntry) -> Path:
        """Where an image's archive is, or will be: the name tells the image, so nothing else is ever taken for it."""
        own = self._cache.image(f"{entry.name}-bundled", key_of(entry.id))
        for path in sorted(own.parent.glob(f"{entry.name}-*.tar")):
            if path != own and set(archive.image_ids(path).values()) == {entry.id}:
                return path
        return own


def _copy(blob: archive.Blob, out: Path) -> None:
    with blob.path.open("rb") as source, out.open("wb") as target:
        source.seek(blob.offset)
        left = blob.size
        while left and (piece := source.read(min(left, archive.CHUNK))):
            target.write(piece)
            left -= len(piece)
    out.chmod(0o755)

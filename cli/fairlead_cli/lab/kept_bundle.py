"""A bundle that lies at hand: what the cache lacks comes out of it in place of being compiled for half an hour.

`fairlead lab up` finds it by itself, in the folder `bundles` of the cache. The agent is always of this checkout's own
files, so that whoever changes it sees the change: the bundle's counts only if it was made from the same ones.
Everything else that the cache has already is taken from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from fairlead_cli.images.builder import Builder, Built
from fairlead_cli.images.cache import default_root
from fairlead_cli.lab import images
from fairlead_cli.lab.from_bundle import BundleStock
from fairlead_cli.lab.steps import Say

FOLDER = "bundles"
OURS = frozenset({images.AGENT})


def find(cache: Path | None = None) -> Path | None:
    """The newest bundle at hand, None if there is none; it is not opened."""
    root = cache or default_root(os.environ, Path.home())
    found = sorted((root / FOLDER).glob("*.tar"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


class CacheFirst(images.Stock):
    """The cache's images, then the bundle's. `open_bundle` verifies it; it is called once something is needed of it."""

    def __init__(self, open_bundle: Callable[[], BundleStock], builder: Builder | None = None) -> None:
        super().__init__()
        self._open, self._builder = open_bundle, builder or Builder()

    @cached_property
    def _bundle(self) -> BundleStock:
        return self._open()

    def build(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images; only what neither has is built."""
        lacking = self._lacking(names)
        if lacking:
            say(f"{len(lacking)} images from the bundle")
            self._built |= {image.name: image for image in self._bundle.build(lacking, say)}
        if others := [name for name in names if name not in self._built]:
            super().build(others, say)
        return self.get(*names)

    def load(self, names: Sequence[str], say: Say) -> list[Built]:
        """The images, in the outer Engine too."""
        lacking = self._lacking(names)
        if lacking:
            self._built |= {image.name: image for image in self._bundle.load(lacking, say)}
        if others := [name for name in names if name not in lacking]:
            super().load(others, say)
        return self.get(*names)

    def program(self, name: str, say: Say) -> Path:
        """A program such as kubectl; the bundle's, since to look it up in the cache is to compile it."""
        return self._bundle.program(name, say)

    def _lacking(self, names: Sequence[str]) -> list[str]:
        """What would have to be compiled."""
        wanted = [name for name in names if name not in self._built]
        found = self._builder.find(wanted)
        self._built |= found
        return [name for name in wanted if name not in found and self._is_right(name)]

    def _is_right(self, name: str) -> bool:
        """Whether the bundle's is as good as one that is built here."""
        return name not in OURS or self._bundle.key_of(name) == self._builder.key_of(name)

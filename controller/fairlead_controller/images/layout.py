"""Where things are in the registry's store: the layout of distribution (registry/storage/paths.go, v3.1.2). Pure.

    ROOT/docker/registry/v2/
        blobs/sha256/AB/ABCD…/data
        repositories/NAME/_layers/sha256/ABCD…/link                     this repository may give that blob away
        repositories/NAME/_manifests/revisions/sha256/ABCD…/link        … and that manifest
        repositories/NAME/_manifests/tags/TAG/current/link              what the tag means now
        repositories/NAME/_manifests/tags/TAG/index/sha256/ABCD…/link   … and meant before
    ROOT/incoming/        ours: what is still being written

A link's content is the digest that it leads to, "sha256:…". No part of a name begins with _, so none is in the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fairlead_wire.errors import Invalid, Problem
from fairlead_wire.image_names import ImageName

ALGORITHM = "sha256"
LAYERS, MANIFESTS, LINK, DATA = "_layers", "_manifests", "link", "data"
_DIGEST = re.compile(rf"{ALGORITHM}:([0-9a-f]{{64}})")


def hex_of(digest: str) -> str:
    """The hexadecimal part of "sha256:…". Raises Invalid for anything else."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        shown = digest if len(digest) <= 100 else f"{digest[:100]}…"
        raise Invalid(
            f"{shown!r} is no digest.",
            "Write sha256: and 64 hexadecimal digits in small letters.",
            [Problem("digest", f"is {shown!r}; write sha256:…")],
        )
    return found[1]


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True)
class Layout:
    """The paths below `root`. Methods that take a digest raise Invalid for what is none."""

    root: Path

    @property
    def incoming(self) -> Path:
        """What is still being written; on the same file system, so that a rename puts it in its place."""
        return self.root / "incoming"

    @property
    def blobs(self) -> Path:
        return self._store / "blobs" / ALGORITHM

    @property
    def repositories(self) -> Path:
        return self._store / "repositories"

    def blob(self, digest: str) -> Path:
        """The content of a blob."""
        found = hex_of(digest)
        return self.blobs / found[:2] / found / DATA

    def repository(self, name: str) -> Path:
        return self.repositories / name

    def layers(self, repository: str) -> Path:
        return self.repository(repository) / LAYERS / ALGORITHM

    def revisions(self, repository: str) -> Path:
        return self.repository(repository) / MANIFESTS / "revisions" / ALGORITHM

    def tags(self, repository: str) -> Path:
        return self.repository(repository) / MANIFESTS / "tags"

    def layer_link(self, repository: str, digest: str) -> Path:
        return self.layers(repository) / hex_of(digest) / LINK

    def revision_link(self, repository: str, digest: str) -> Path:
        return self.revisions(repository) / hex_of(digest) / LINK

    def tag(self, name: ImageName) -> Path:
        return self.tags(name.repository) / name.tag

    def current_link(self, name: ImageName) -> Path:
        return self.tag(name) / "current" / LINK

    def index(self, name: ImageName) -> Path:
        return self.tag(name) / "index" / ALGORITHM

    def index_link(self, name: ImageName, digest: str) -> Path:
        return self.index(name) / hex_of(digest) / LINK

    def name_of(self, current_link: Path) -> ImageName:
        """The inverse of `current_link`."""
        tag = current_link.parent.parent
        repository = tag.parent.parent.parent
        return ImageName(repository.relative_to(self.repositories).as_posix(), tag.name)

    @property
    def _store(self) -> Path:
        return self.root / "docker" / "registry" / "v2"

"""Names of images in the store: links from tags to manifests and from repositories to blobs. All of it blocks.

A tag's own link is written last and removed first, so that a name leads to a whole image or is not there. Other links
that nothing needs do no harm; `tidy` removes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from fairlead_controller.images.durable import read_link, write_link
from fairlead_controller.images.layout import ALGORITHM, LINK, MANIFESTS, Layout, is_digest
from fairlead_controller.model.fleet_image import FleetImage
from fairlead_controller.private_file import flush_folder
from fairlead_wire.errors import Invalid
from fairlead_wire.image_names import ImageName, image_name


class Tags:
    """Every method raises OSError."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def all(self) -> Iterator[tuple[ImageName, str, float]]:
        """Each name, the digest of the manifest that it leads to, and since when (seconds since 1970)."""
        for repository in _repositories(self._layout.repositories):
            for link in sorted((repository / MANIFESTS / "tags").glob(f"*/current/{LINK}")):
                name, digest = self._layout.name_of(link), read_link(link)
                if is_digest(digest) and _is_ours(name):
                    yield name, digest, link.stat().st_mtime

    def put(self, name: ImageName, image: FleetImage) -> None:
        """Makes the name lead to that image."""
        self.link(name, image)
        write_link(self._layout.current_link(name), image.digest, image.put_at)

    def link(self, name: ImageName, image: FleetImage) -> None:
        """All that the name needs to lead to the image, where it is not there; the name itself stays as it is."""
        layout, at = self._layout, image.put_at
        for digest in image.blobs:
            _ensure_link(layout.layer_link(name.repository, digest), digest, at)
        _ensure_link(layout.revision_link(name.repository, image.digest), image.digest, at)
        _ensure_link(layout.index_link(name, image.digest), image.digest, at)

    def remove(self, name: ImageName) -> None:
        """Takes the name away."""
        link = self._layout.current_link(name)
        link.unlink(missing_ok=True)
        flush_folder(link.parent)

    def tidy(self, images: Iterable[FleetImage]) -> None:
        """Removes links that none of these images, which are all that there are, needs."""
        kept: dict[str, list[tuple[ImageName, FleetImage]]] = {}
        for image in images:
            name = image_name(image.reference)
            kept.setdefault(name.repository, []).append((name, image))
        for folder in list(_repositories(self._layout.repositories)):
            repository = folder.relative_to(self._layout.repositories).as_posix()
            self._tidy_repository(repository, kept.get(repository, []))

    def _tidy_repository(self, repository: str, kept: list[tuple[ImageName, FleetImage]]) -> None:
        layout = self._layout
        _keep_only(layout.layers(repository), {_hex(digest) for _, image in kept for digest in image.blobs})
        _keep_only(layout.revisions(repository), {_hex(image.digest) for _, image in kept})
        _keep_only(layout.tags(repository), {name.tag for name, _ in kept})
        for name, image in kept:
            _keep_only(layout.index(name), {_hex(image.digest)})
        if not kept:
            self._remove_repository(layout.repository(repository))

    def _remove_repository(self, folder: Path) -> None:
        """Its own folders; those above it as far as nothing else is in them."""
        for inner in folder.glob("_*"):
            shutil.rmtree(inner)
        while folder != self._layout.repositories and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _repositories(folder: Path) -> Iterator[Path]:
    """Folders of repositories below `folder`; one may be inside of another."""
    try:
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return
    for path in inner:
        if path.name.startswith("_"):
            continue
        if any(path.glob("_*")):
            yield path
        yield from _repositories(path)


def _is_ours(name: ImageName) -> bool:
    try:
        return image_name(str(name)) == name
    except Invalid:
        return False


def _ensure_link(link: Path, digest: str, at: float) -> None:
    if read_link(link) != digest:
        write_link(link, digest, at)


def _keep_only(folder: Path, names: Set[str]) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _hex(digest: str) -> str:
    return digest.removeprefix(f"{ALGORITHM}:")

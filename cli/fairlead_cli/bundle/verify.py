"""Whether a bundle is what it says: every digest recomputed, every reference followed, nothing left over.

`problems` tells all that is wrong, one sentence each. A single changed byte anywhere in the file is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairlead_cli.bundle import document as documents
from fairlead_cli.bundle import layout
from fairlead_cli.bundle.document import EMPTY_DIGEST, ImageEntry
from fairlead_cli.bundle.opened import Bundle, Stored, Unreadable
from fairlead_cli.images.archive import CHUNK, CONFIG_TYPE, LAYER_TYPE, Blob
from fairlead_cli.images.progress import Step

MEGABYTE = 1_000_000


def problems(path: Path, step: Step) -> list[str]:
    """All that is wrong with a bundle, none if it is well. Reads the whole file once; raises OSError."""
    bundle = Bundle(path)
    found = [bundle.broken] if bundle.broken else []
    found += [f"{name} is there twice." for name in bundle.twice]
    found += _corrupted(bundle, step)
    whole = not found
    found += _Following(bundle, whole).problems()
    return list(dict.fromkeys(found))


def digest_of(blob: Blob) -> str:
    """The digest of what is really there ("sha256:…")."""
    digest = hashlib.sha256()
    with blob.path.open("rb") as stream:
        stream.seek(blob.offset)
        left = blob.size
        while left and (piece := stream.read(min(left, CHUNK))):
            digest.update(piece)
            left -= len(piece)
    return f"sha256:{digest.hexdigest()}"


def _corrupted(bundle: Bundle, step: Step) -> Iterator[str]:
    total = sum(member.size for member in bundle.members.values()) // MEGABYTE
    done = 0
    for name, member in bundle.members.items():
        told = layout.digest_in(name)
        if told:
            step.tell(f"checking {told[7:19]}", done=done // MEGABYTE, total=total)
            found = digest_of(bundle.blob(told))
            if found != told:
                yield f"{name} is corrupted: its content has the digest {found}."
        done += member.size


class _Following:
    """Follows every reference from index.json on, and notes what is wrong on the way."""

    def __init__(self, bundle: Bundle, whole: bool) -> None:
        self._bundle = bundle
        self._whole = whole  # whether the file could be read to its end and every blob is itself
        self._found: list[str] = []
        self._small: set[str] = set()
        self._large: set[str] = set()

    def problems(self) -> list[str]:
        self._layout()
        try:
            self._follow()
        except Unreadable as error:
            self._found.append(str(error))
            return self._found
        self._left_over()
        return self._found

    def _layout(self) -> None:
        if self._bundle.members.get(layout.LAYOUT) and self._bundle.content(layout.LAYOUT) != layout.LAYOUT_CONTENT:
            self._found.append(f"{layout.LAYOUT} is corrupted.")

    def _follow(self) -> None:
        bundle = self._bundle
        document = bundle.document
        self._refer(bundle.digest, layout.INDEX, self._small)
        self._refer(bundle.document_digest, layout.blob_name(bundle.digest), self._small)
        self._refer(EMPTY_DIGEST, layout.blob_name(bundle.digest), self._small)
        for program in document.programs:
            self._refer(program.digest, f"program {program.name}", self._large, program.size)
        for entry in document.images:
            self._image(entry)
        self._agreement()

    def _refer(self, digest: str, who: str, kind: set[str], size: int | None = None) -> None:
        """Notes a reference, and whether it leads to something of the right size."""
        kind.add(digest)
        name = layout.blob_name(digest)
        member = self._bundle.members.get(name)
        if member is None:
            if not self._bundle.broken:  # else it lies behind where the file could be read
                self._found.append(f"{name} is missing: {who} refers to it.")
        elif size is not None and member.size != size:
            self._found.append(f"{name} has {member.size} bytes, and {who} refers to it with {size}.")

    def _image(self, entry: ImageEntry) -> None:
        who = f"image {entry.name}"
        self._refer(entry.manifest, who, self._small)
        if layout.blob_name(entry.manifest) not in self._bundle.members:
            return
        try:
            stored = self._bundle.stored(entry)
        except Unreadable as error:
            self._found.append(str(error))
            return
        self._refer(stored.config.digest, who, self._small, stored.config.size)
        for layer in stored.layers:
            self._refer(layer.digest, who, self._large, layer.size)
        self._found += _disagreements(entry, stored)
        if layout.blob_name(stored.config.digest) in self._bundle.members:
            self._configuration(entry, stored)

    def _configuration(self, entry: ImageEntry, stored: Stored) -> None:
        name = layout.blob_name(stored.config.digest)
        try:
            config = self._bundle.parsed(name)
        except Unreadable as error:
            self._found.append(str(error))
            return
        platform = f"{config.get('os')}/{config.get('architecture')}"
        if platform != self._bundle.document.platform:
            told = self._bundle.document.platform
            self._found.append(f"image {entry.name} is for {platform}, and the bundle's manifest says {told}.")
        if _diff_ids(config) != [layer.digest for layer in stored.layers]:
            self._found.append(f"image {entry.name} has other layers than its configuration says.")

    def _agreement(self) -> None:
        """That the documents which follow from the bundle's manifest are those that are there."""
        bundle, document = self._bundle, self._bundle.document
        members = bundle.members
        manifests = [members.get(layout.blob_name(entry.manifest)) for entry in document.images]
        told = members[layout.blob_name(bundle.document_digest)]
        artifact = documents.artifact(document, bundle.document_digest, told.size)
        if bundle.content(layout.blob_name(bundle.digest)) != artifact:
            self._found.append("The artifact manifest does not agree with the bundle's own manifest.")
        sizes = [member.size for member in manifests if member]
        if len(sizes) == len(manifests):
            index = documents.index(document, bundle.digest, members[layout.blob_name(bundle.digest)].size, sizes)
            if bundle.content(layout.INDEX) != index:
                self._found.append(f"{layout.INDEX} does not agree with the bundle's own manifest.")
        size = sum(members[name].size for name in map(layout.blob_name, self._shared()) if name in members)
        if self._whole and not self._found and size != document.size:
            self._found.append(f"The bundle's manifest says {document.size} bytes, and its images have {size}.")

    def _shared(self) -> set[str]:
        """The digests of all configurations and layers."""
        bundle = self._bundle
        not_images = {bundle.digest, bundle.document_digest, EMPTY_DIGEST}
        not_images |= {entry.manifest for entry in bundle.document.images}
        return (self._small - not_images) | (self._large - {one.digest for one in bundle.document.programs})

    def _left_over(self) -> None:
        expected = layout.order(self._small, self._large)
        if not self._bundle.broken:
            present = self._bundle.members
            self._found += [f"{name} is missing." for name in expected[:2] if name not in present]
            self._found += [
                f"{name} is foreign: nothing refers to it." for name in sorted(set(present) - set(expected))
            ]
        if self._whole and not self._found and list(self._bundle.members) != expected:
            self._found.append("The blobs are in another order than `fairlead bundle create` writes them.")


def _disagreements(entry: ImageEntry, stored: Stored) -> Iterator[str]:
    """Where the bundle's manifest and an image's differ."""
    if entry.id != stored.config.digest:
        yield f"image {entry.name} has the id {stored.config.digest}, and the bundle's manifest says {entry.id}."
    size = stored.config.size + sum(layer.size for layer in stored.layers)
    if size != entry.size:
        yield f"image {entry.name} has {size} bytes, and the bundle's manifest says {entry.size}."
    if stored.config.media_type != CONFIG_TYPE or any(layer.media_type != LAYER_TYPE for layer in stored.layers):
        yield f"image {entry.name} has parts of another kind than a bundle's."


def _diff_ids(config: dict[str, Any]) -> list[Any]:
    rootfs = config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return found if isinstance(found, list) else []

"""A bundle, opened: its members by name and its documents, without reading a layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fairlead_cli.bundle import layout, tarball
from fairlead_cli.bundle.document import BUNDLE_TYPE, Document, ImageEntry
from fairlead_cli.images import archive
from fairlead_wire.errors import Invalid, Missing

MOST_BYTES = 64 << 20  # of a document: a hundred times what a release has, and no danger to memory


class Unreadable(ValueError):
    """A document is not what it should be; `str()` is the sentence that says why."""


class Bundle:
    """The members of a bundle's file. `broken` says why the file could not be read to its end, if so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = ""
        self.members: dict[str, tarball.Member] = {}
        self.twice: list[str] = []
        try:
            with path.open("rb") as stream:
                for member in tarball.walk(stream, path.stat().st_size):
                    self.twice += [member.name] if member.name in self.members else []
                    self.members[member.name] = member
        except tarball.Broken as error:
            self.broken = str(error)

    def content(self, name: str) -> bytes:
        """A small member's bytes, checked if it is a blob. Raises Unreadable."""
        if name not in self.members:
            raise Unreadable(f"{name} is missing.")
        member = self.members[name]
        if member.size > MOST_BYTES:
            raise Unreadable(f"{name} is too large for a document: {member.size} bytes.")
        with self.path.open("rb") as stream:
            stream.seek(member.offset)
            found = stream.read(member.size)
        told = layout.digest_in(name)
        if told and told != f"sha256:{hashlib.sha256(found).hexdigest()}":
            raise Unreadable(f"{name} is corrupted.")
        return found

    def parsed(self, name: str) -> dict[str, Any]:
        """A member that is a JSON object. Raises Unreadable."""
        try:
            found = json.loads(self.content(name))
        except Unreadable:
            raise
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{name} is not JSON.") from error
        if not isinstance(found, dict):
            raise Unreadable(f"{name} is not a JSON object.")
        return found

    @cached_property
    def digest(self) -> str:
        """The bundle's name: the digest of its artifact manifest. Raises Unreadable."""
        described = self.parsed(layout.INDEX).get("manifests")
        for one in described if isinstance(described, list) else ():
            if isinstance(one, dict) and one.get("artifactType") == BUNDLE_TYPE:
                return _digest(one, layout.INDEX)
        raise Unreadable(f"{layout.INDEX} names no {BUNDLE_TYPE}.")

    @cached_property
    def document_digest(self) -> str:
        """The digest of the document. Raises Unreadable."""
        name = layout.blob_name(self.digest)
        for one in _dicts(self.parsed(name).get("layers")):
            if one.get("mediaType") == BUNDLE_TYPE:
                return _digest(one, name)
        raise Unreadable(f"{name} leads to no {BUNDLE_TYPE}.")

    @cached_property
    def document(self) -> Document:
        """What the bundle says of itself. Raises Unreadable."""
        name = layout.blob_name(self.document_digest)
        content = self.content(name)
        try:
            return Document.model_validate_json(content)
        except (ValidationError, RecursionError) as error:
            raise Unreadable(f"{name} is not a {BUNDLE_TYPE}.") from error

    def stored(self, entry: ImageEntry) -> Stored:
        """Where an image's parts are. Raises Unreadable."""
        name = layout.blob_name(entry.manifest)
        manifest = self.parsed(name)
        config, layers = manifest.get("config"), _dicts(manifest.get("layers"))
        if not isinstance(config, dict):
            raise Unreadable(f"{name} has no config.")
        described = [config, *layers]
        found = tuple(Described(_digest(one, name), _size(one, name), str(one.get("mediaType"))) for one in described)
        return Stored(found[0], found[1:])

    def blob(self, digest: str) -> archive.Blob:
        """A blob as a piece of this file. Raises Unreadable if it is not there."""
        member = self.members.get(layout.blob_name(digest))
        if member is None:
            raise Unreadable(f"{layout.blob_name(digest)} is missing.")
        return archive.Blob(digest.removeprefix("sha256:"), self.path, member.size, member.offset)

    def image(self, entry: ImageEntry) -> archive.Image:
        """An image as pieces of this file. Raises Unreadable."""
        stored = self.stored(entry)
        layers = tuple(self.blob(one.digest) for one in stored.layers)
        return archive.Image(self.blob(stored.config.digest), layers, entry.references)


@dataclass(frozen=True)
class Described:
    """What a descriptor says: digest, bytes, media type."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Stored:
    """What an image's manifest refers to."""

    config: Described
    layers: tuple[Described, ...]


def open_bundle(path: Path) -> Bundle:
    """A bundle whose documents can be read. Raises Missing or Invalid, which says what is wrong with it."""
    if not path.is_file():
        raise Missing(f"There is no file {path}.", "Make one with `fairlead bundle create`.")
    bundle = Bundle(path)
    try:
        if bundle.broken:
            raise Unreadable(bundle.broken)
        _ = bundle.document
    except Unreadable as error:
        raise Invalid(f"{path} is not a bundle that can be used: {error}", tarball.ADVICE) from error
    return bundle


def chosen(bundle: Bundle, words: Sequence[str]) -> list[ImageEntry]:
    """The images that a person means by recipes' names or references; without words all. Raises Missing."""
    found = []
    for word in words:
        entry = bundle.document.image(word)
        if entry is None:
            names = ", ".join(one.name for one in bundle.document.images)
            raise Missing(f"The bundle has no image `{word}`.", f"Choose from: {names}.")
        found.append(entry)
    return found or list(bundle.document.images)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _digest(descriptor: dict[str, Any], where: str) -> str:
    found = descriptor.get("digest")
    if not isinstance(found, str) or not layout.digest_in(layout.blob_name(found)) or ":" not in found:
        raise Unreadable(f"{where} refers to something that is not a digest.")
    return found


def _size(descriptor: dict[str, Any], where: str) -> int:
    found = descriptor.get("size")
    if not isinstance(found, int) or found < 0:
        raise Unreadable(f"{where} refers to something without a size.")
    return found

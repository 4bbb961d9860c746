"""Makes a bundle: has the images built or taken from the cache, and writes them into one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

from fairlead_cli.bundle import release, tarball, whole
from fairlead_cli.bundle.contents import Content, Contents, Given, contents, size_of
from fairlead_cli.bundle.document import Document
from fairlead_cli.bundle.layout import digest_in
from fairlead_cli.bundle.licences import go_table
from fairlead_cli.bundle.licences.parts import Survey
from fairlead_cli.images import archive
from fairlead_cli.images.archive import CHUNK, Image
from fairlead_cli.images.builder import Builder, Built
from fairlead_cli.images.progress import Step
from fairlead_wire.errors import Invalid

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Created:
    """A bundle that was written: what it says of itself, its digest and the bytes of the file."""

    document: Document
    digest: str
    length: int


def create(builder: Builder, kubernetes: str, out: Path, step: Step, *, for_lab: bool = False) -> Created:
    """Writes the bundle of a release. Raises Invalid for a release that this checkout does not build, ImageError if an
    image cannot be had, Refused if the disk has no room. Then, and on Ctrl-C, `out` is as it was."""
    names = release.recipes_for(kubernetes, builder.recipes, for_lab=for_lab)
    built = builder.build(names)
    programs = {name: builder.binary(name) for name in (release.LAB_PROGRAMS if for_lab else ())}
    with builder.cache.scratch() as scratch:
        given = list(given_from(built.values(), scratch))
        made = contents(kubernetes, version("fairlead"), given, programs, Survey(go_table.known()), step)
        write(made, out, step)
    return Created(made.document, made.digest, made.length)


def given_from(built: Iterable[Built], scratch: Path) -> Iterable[Given]:
    """The blobs of built images where they lie in the cache; what Docker has packed is unpacked to `scratch`."""
    for one in built:
        [image] = archive.in_place(one.archive) or archive.unpack(one.archive, scratch)
        yield Given(one.name, Image(image.config, image.layers, one.images))


def write(made: Contents, out: Path, step: Step) -> None:
    """Writes a bundle's file, which is there whole or not at all. Raises Invalid if a blob is not what it was."""
    total = made.length
    done = 0
    with whole.writing(out, total) as stream:
        for name, content in made.members.items():
            step.tell(f"writing {out.name}", done=done // MEGABYTE, total=total // MEGABYTE)
            stream.write(tarball.header(name, size_of(content)))
            _put(stream, name, content)
            stream.write(bytes(tarball.padding(size_of(content))))
            done += size_of(content)
        stream.write(tarball.END)


def _put(stream: IO[bytes], name: str, content: Content) -> None:
    if isinstance(content, bytes):
        stream.write(content)
        return
    digest = hashlib.sha256()
    with content.path.open("rb") as source:
        source.seek(content.offset)
        left = content.size
        while left and (piece := source.read(min(left, CHUNK))):
            digest.update(piece)
            stream.write(piece)
            left -= len(piece)
    if f"sha256:{digest.hexdigest()}" != digest_in(name):
        raise Invalid(f"{content.path} is corrupted: it does not have {name}.", "Delete it, and run this again.")

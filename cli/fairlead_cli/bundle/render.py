"""What people and programs get to see of a bundle. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from fairlead_cli.bundle.document import UNKNOWN, Document, ImageEntry
from fairlead_cli.bundle.opened import Bundle

SHORT = 12  # hexadecimal digits, as Docker shows ids
UNKNOWN_SHOWN = 5


def summary(document: Document) -> str:
    """A bundle in one line."""
    programs = f", {', '.join(one.name for one in document.programs)}" if document.programs else ""
    count = len(document.images)
    return f"{document.release} for {document.platform}, {count} images{programs}, {document.size / 1e6:.0f} MB."


def images_table(entries: Sequence[ImageEntry]) -> str:
    """A line an image."""
    rows = [("IMAGE", "MANIFEST", "ID", "MB", "LICENCE", "PARTS")]
    rows += [
        (reference, short(one.manifest), short(one.id), f"{one.size / 1e6:.1f}", one.project.licence, counted(one))
        for one in entries
        for reference in one.references
    ]
    return columns(rows)


def parts_table(entries: Sequence[ImageEntry]) -> str:
    """A line a part."""
    rows = [("IMAGE", "KIND", "PART", "VERSION", "LICENCE")]
    rows += [(one.name, part.kind, part.name, part.version, part.licence) for one in entries for part in one.parts]
    return columns(rows)


def as_json(bundle: Bundle, entries: Sequence[ImageEntry]) -> str:
    """The bundle's own manifest with the chosen images, and the digest that names the bundle."""
    shown = bundle.document.model_copy(update={"images": tuple(entries)})
    return json.dumps({"digest": bundle.digest, **shown.model_dump(mode="json")}, indent=2)


def unknown(document: Document) -> Iterator[str]:
    """A line about parts whose licences were not found out, if there are any."""
    every = [part for image in document.images for part in image.parts]
    every += [part for program in document.programs for part in program.parts]
    found = {part.name for part in every if part.licence == UNKNOWN}
    if found:
        names = ", ".join(sorted(found)[:UNKNOWN_SHOWN]) + (" …" if len(found) > UNKNOWN_SHOWN else "")
        yield f"Licences that were not found out: {len(found)}, of {names}"


def counted(entry: ImageEntry) -> str:
    """How many parts of which kind: "81 debian, 12 go"."""
    kinds = Counter(part.kind for part in entry.parts)
    return ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds)) or "-"


def short(digest: str) -> str:
    """A digest as Docker shows it."""
    return digest.removeprefix("sha256:")[:SHORT]


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)

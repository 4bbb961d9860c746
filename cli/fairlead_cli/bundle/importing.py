"""Gives a bundle's images to the controller, for the fleet's registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairlead_cli.bundle import layout
from fairlead_cli.bundle.document import ImageEntry
from fairlead_cli.bundle.opened import Bundle
from fairlead_cli.images.upload import Outgoing


def outgoing(bundle: Bundle, entries: Sequence[ImageEntry]) -> list[Outgoing]:
    """Images of a verified bundle under all their names, as pieces of its file."""
    return [one for entry in entries for one in _under_its_names(bundle, entry)]


def _under_its_names(bundle: Bundle, entry: ImageEntry) -> Iterator[Outgoing]:
    manifest = bundle.content(layout.blob_name(entry.manifest))
    image = bundle.image(entry)
    for reference in entry.references:
        yield Outgoing(reference, manifest, (image.config, *image.layers))

"""A bundle's images as `docker load` takes them, streamed: manifest.json, configurations, layers, names.

The archive is the very one that the image builder would have written, so every Engine since 20.10 loads it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from fairlead_cli.bundle.document import ImageEntry
from fairlead_cli.bundle.opened import Bundle
from fairlead_cli.images import archive

BUFFER = 1 << 20


class Counted(io.RawIOBase):
    """Passes what is written on, and tells how many bytes that were so far."""

    def __init__(self, stream: IO[bytes], tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = memoryview(data)  # type: ignore[arg-type]
        self._stream.write(piece)
        self._written += len(piece)
        self._tell(self._written)
        return len(piece)


def stream(bundle: Bundle, entries: Iterable[ImageEntry], out: IO[bytes], tell: Callable[[int], None]) -> None:
    """Writes images to a stream that need not be a file; `tell` hears how many bytes were written."""
    images = [bundle.image(entry) for entry in entries]
    counted = Counted(out, tell)
    with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BUFFER) as tar:
        archive.write_into(images, tar)
    out.flush()


def write(bundle: Bundle, entries: Iterable[ImageEntry], out: Path) -> None:
    """Writes images to a file, byte for byte as the image builder does."""
    archive.write([bundle.image(entry) for entry in entries], out)

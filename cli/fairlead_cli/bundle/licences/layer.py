"""What one layer tells of licences: programs made by Go, dpkg's list, copyright files, Python's METADATA."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TypeVar

from fairlead_cli.bundle.licences import go_info
from fairlead_cli.images.archive import Blob

STATUS = "var/lib/dpkg/status"
COPYRIGHT = re.compile(r"usr/share/doc/([^/]+)/copyright")
DOC_FOLDER = re.compile(r"usr/share/doc/([^/]+)")
METADATA = re.compile(r".*\.dist-info/METADATA")
LEAST_GO = 500_000  # bytes: Go's runtime alone has more
MOST_TEXT = 8 << 20
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"

T = TypeVar("T")


@dataclass
class Found:
    """By path in the image: `go` programs, `texts` of Debian and Python, `links` among doc folders, `gone` paths."""

    go: dict[str, go_info.GoInfo] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def upon(self, lower: Found) -> Found:
        """What an image has that has this layer on `lower`."""
        return Found(
            self._kept(lower.go) | self.go,
            self._kept(lower.texts) | self.texts,
            self._kept(lower.links) | self.links,
        )

    def _kept(self, things: Mapping[str, T]) -> dict[str, T]:
        return {path: thing for path, thing in things.items() if not self._hides(path)}

    def _hides(self, path: str) -> bool:
        return any(path == gone or path.startswith(f"{gone}/") for gone in self.gone)


class Window(io.RawIOBase):
    """A blob as a file of its own."""

    def __init__(self, blob: Blob, stream: IO[bytes]) -> None:
        self._blob = blob
        self._stream = stream
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        self._stream.seek(self._blob.offset + self._at)
        piece = self._stream.read(min(len(view), max(0, self._blob.size - self._at)))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def read(blob: Blob) -> Found:
    """What a layer (an uncompressed tar) has; one that is no tar has nothing."""
    found = Found()
    with blob.path.open("rb") as stream:
        window = io.BufferedReader(Window(blob, stream), 1 << 16)
        try:
            with tarfile.open(fileobj=window, mode="r:") as tar:
                for member in tar:
                    _look(tar, member, found)
        except tarfile.TarError:
            return found
    return found


def _look(tar: tarfile.TarFile, member: tarfile.TarInfo, found: Found) -> None:
    path = member.name.removeprefix("./").lstrip("/")
    folder, _, last = path.rpartition("/")
    if last.startswith(WHITEOUT):
        hidden = folder if last == OPAQUE else f"{folder}/{last.removeprefix(WHITEOUT)}"
        found.gone.add(hidden.lstrip("/"))
    elif member.issym() and DOC_FOLDER.fullmatch(path):
        found.links[path] = member.linkname.rpartition("/")[2]
    elif member.isreg() and (path == STATUS or COPYRIGHT.fullmatch(path) or METADATA.fullmatch(path)):
        found.texts[path] = _stream(tar, member).read(MOST_TEXT).decode("utf-8", "replace")
    elif member.isreg() and member.mode & 0o111 and member.size > LEAST_GO:
        info = go_info.read(_stream(tar, member))
        if info:
            found.go[path] = info


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    assert stream is not None  # asked only of regular files
    return stream

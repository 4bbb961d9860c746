"""Which modules a Go program was built from: what `go version -m` shows, read without Go.

Go's linker puts it into every program, as `debug/buildinfo` documents: at a multiple of 16 a magic, flags, and after
32 bytes two strings, each with its length before it: Go's version, and the modules between two guards of 16 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAGIC = b"\xff Go buildinf:"
ALIGNMENT = 16
HEADER = 32
INLINE = 2  # the flag of Go 1.18 and newer: strings follow the header
GUARD = 16
CHUNK = 4 << 20
MOST_BYTES = 4 << 20  # of one string


@dataclass(frozen=True)
class Module:
    """A Go module by path and version, as it was built: a replacement counts as itself."""

    path: str
    version: str


@dataclass(frozen=True)
class GoInfo:
    """Go's version ("go1.26.8") and the modules of a program, its own among them if it came with a version."""

    toolchain: str
    modules: tuple[Module, ...]


def read(stream: IO[bytes]) -> GoInfo | None:
    """What a program tells of itself; None if Go did not make it."""
    if stream.read(4) != b"\x7fELF":
        return None
    for at in places(stream):
        stream.seek(at + len(MAGIC))
        rest = stream.read(HEADER - len(MAGIC))
        if len(rest) == HEADER - len(MAGIC) and rest[1] & INLINE:
            toolchain, text = _string(stream), _string(stream)
            if toolchain.startswith(b"go"):
                return GoInfo(toolchain.decode("ascii", "replace"), tuple(modules(text[GUARD:-GUARD].decode())))
    return None


def places(stream: IO[bytes]) -> Iterator[int]:
    """Where the magic stands at a place where it counts."""
    at = 0
    while True:
        stream.seek(at)
        piece = stream.read(CHUNK)
        found = piece.find(MAGIC)
        while found >= 0:
            if (at + found) % ALIGNMENT == 0:
                yield at + found
            found = piece.find(MAGIC, found + 1)
        if len(piece) < CHUNK:
            return
        at += CHUNK - ALIGNMENT


def modules(text: str) -> Iterator[Module]:
    """The modules in the text that Go keeps: lines of tab-separated words."""
    last: Module | None = None
    for line in text.splitlines():
        kind, *words = line.split("\t")
        if kind == "=>":
            last = None  # what it replaces was not built
        if last:
            yield last
        last = Module(words[0], words[1]) if kind in ("mod", "dep", "=>") and len(words) > 1 else None
        if last and last.version == "(devel)":
            last = None
    if last:
        yield last


def _string(stream: IO[bytes]) -> bytes:
    """A string with its length before it, seven bits a byte."""
    length = shift = 0
    while piece := stream.read(1):
        length |= (piece[0] & 0x7F) << shift
        shift += 7
        if not piece[0] & 0x80:
            break
    return stream.read(length) if length <= MOST_BYTES else b""

"""The context of a build, as Docker's client makes it: a tar archive, made while it is sent.

Owners are root, times whole seconds, links stay links and are never followed; what the .dockerignore names is left out.
Nothing is copied to a disk, and no file is held in memory as a whole.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fairlead_cli.docker.ignore_patterns import Matched, Pattern, enters, excluded
from fairlead_wire.docker_calls import BLOCK_BYTES
from fairlead_wire.errors import Invalid

IGNORE_FILE = ".dockerignore"
_CAPABILITY = "security.capability"
_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}
"""Of all kinds of files; sockets have no place in an archive."""


@dataclass(frozen=True)
class Folder:
    """A context on this machine; `root` None: only what is added.

    `added`: files by name that are sent beside, or instead of, what is there.
    """

    root: Path | None
    patterns: tuple[Pattern, ...] = ()
    added: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A file of a context: its path from the root ("a/b"), the file itself, and what lstat says."""

    path: str
    file: Path
    status: os.stat_result


def archive(folder: Folder) -> Iterator[bytes]:
    """Blocks of at most `BLOCK_BYTES`. Raises Invalid for what can't be read."""
    return blocks(_pieces(folder))


def blocks(pieces: Iterable[bytes], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The same bytes in blocks of that size; the last may be shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def entries(folder: Folder) -> Iterator[Entry]:
    """All of a folder that is sent, each folder before what is in it, by name."""
    if folder.root is not None:
        yield from _inside(folder.root, folder.patterns, "", None)


def _inside(root: Path, patterns: tuple[Pattern, ...], path: str, parent: Matched | None) -> Iterator[Entry]:
    for name in _names(root / path):
        below = f"{path}/{name}" if path else name
        status = _status(root / below)
        out, matched = excluded(patterns, below, parent)
        if not out:
            yield Entry(below, root / below, status)
        if stat.S_ISDIR(status.st_mode) and (not out or enters(patterns, below)):
            yield from _inside(root, patterns, below, matched)


def _names(path: Path) -> list[str]:
    try:
        return sorted((entry.name for entry in path.iterdir()), key=os.fsencode)
    except OSError as error:
        raise _unreadable(path, error) from None


def _status(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise _unreadable(path, error) from None


def _pieces(folder: Folder) -> Iterator[bytes]:
    seen: dict[tuple[int, int], str] = {}
    for entry in entries(folder):
        kind = _TYPES.get(stat.S_IFMT(entry.status.st_mode))
        if kind is not None and entry.path not in folder.added:
            yield from _member(entry, kind, seen)
    for name, content in folder.added.items():
        yield _header(tarfile.TarInfo(name), 0o600, len(content))
        yield _padded(content)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(entry: Entry, kind: bytes, seen: dict[tuple[int, int], str]) -> Iterator[bytes]:
    status = entry.status
    info = tarfile.TarInfo(entry.path)
    info.type, info.mtime = kind, status.st_mtime_ns // 1_000_000_000
    inode = (status.st_dev, status.st_ino)
    if kind == tarfile.REGTYPE and status.st_nlink > 1 and inode in seen:
        info.type, info.linkname = tarfile.LNKTYPE, seen[inode]
    elif kind == tarfile.REGTYPE:
        seen[inode] = entry.path
        yield from _file(entry.file, info)
        return
    elif kind == tarfile.SYMTYPE:
        info.linkname = str(entry.file.readlink())
    elif kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    yield _header(info, stat.S_IMODE(status.st_mode))


def _file(path: Path, info: tarfile.TarInfo) -> Iterator[bytes]:
    try:
        # Never what a link leads to, nor a wait for the other end of a pipe, if the file was replaced by one just now.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from None
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        status = os.fstat(descriptor)
        with suppress(OSError):
            value = os.fsdecode(os.getxattr(descriptor, _CAPABILITY))
            info.pax_headers = {f"SCHILY.xattr.{_CAPABILITY}": value}
        yield _header(info, stat.S_IMODE(status.st_mode), status.st_size)
        left = status.st_size
        while left:
            block = source.read(min(left, BLOCK_BYTES))
            if not block:
                raise Invalid(f"{path} became shorter while it was sent.", "Build again once nobody writes to it.")
            left -= len(block)
            yield block
    yield bytes(-status.st_size % tarfile.BLOCKSIZE)


def _header(info: tarfile.TarInfo, mode: int, size: int = 0) -> bytes:
    info.mode, info.size = mode, size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _unreadable(path: Path, error: OSError) -> Invalid:
    return Invalid(
        f"{path} can't be read: {error.strerror}.", f"Make it readable, or name it in the {IGNORE_FILE} of the context."
    )

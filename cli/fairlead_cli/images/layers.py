"""Layers with one spelling: fixed times, known owners, a known order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fairlead_cli.images.archive import EPOCH

TIME_RECORDS = ("mtime", "atime", "ctime", "LIBARCHIVE.creationtime")


@dataclass(frozen=True)
class File:
    """A file for a layer: where its content is, and its mode."""

    content: Path | bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Folder:
    """A folder that needs a mode of its own, or to be there though empty."""

    mode: int = 0o755


Entry = File | Link | Folder


def write(entries: Mapping[str, Entry], out: Path) -> None:
    """Writes a layer that holds the entries (by absolute path) and the folders that lead to them."""
    everything: dict[str, Entry] = {path: Folder() for path in _parents(entries)}
    everything.update(entries)
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(everything):
            _add(tar, path, everything[path])


def normalise(source: Path, out: Path, without: frozenset[str] = frozenset()) -> None:
    """Rewrites a layer that Docker or mmdebstrap made: no time after EPOCH, no sub-second time, numbers for owners.

    What is in it, and in which order, stays (both come from sorted walks), but for the paths in `without`.
    """
    with tarfile.open(source) as old, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            if member.name.removeprefix("./") in without:
                continue
            member.mtime = min(int(member.mtime), EPOCH)
            member.uname = member.gname = ""
            records = member.pax_headers
            member.pax_headers = {key: records[key] for key in records if key not in TIME_RECORDS}
            new.addfile(member, old.extractfile(member) if member.isreg() else None)


def _parents(entries: Mapping[str, Entry]) -> Iterator[str]:
    for path in entries:
        for parent in PurePosixPath(path).parents:
            if str(parent) != "/":
                yield str(parent)


def _add(tar: tarfile.TarFile, path: str, entry: Entry) -> None:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.mtime = EPOCH
    if isinstance(entry, Folder):
        member.type, member.mode = tarfile.DIRTYPE, entry.mode
        tar.addfile(member)
    elif isinstance(entry, Link):
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, entry.target
        tar.addfile(member)
    else:
        _add_file(tar, member, entry)


def _add_file(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: File) -> None:
    member.mode = entry.mode
    if isinstance(entry.content, bytes):
        member.size = len(entry.content)
        tar.addfile(member, io.BytesIO(entry.content))
        return
    member.size = entry.content.stat().st_size
    with entry.content.open("rb") as stream:
        tar.addfile(member, stream)

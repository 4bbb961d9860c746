"""The file that a bundle is: a tar with one spelling, so that every byte of it can be checked.

Plain ustar: fixed owner, mode and time, the order given by us, two empty blocks at the end and nothing after them.
Any tar reads it; what another tar makes of the same files is not a bundle.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from fairlead_cli.images.archive import EPOCH

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
ADVICE = "Copy the bundle again, or make it anew."


@dataclass(frozen=True)
class Member:
    """A file in the tar: its name, where its content begins and its bytes."""

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.offset + self.size + padding(self.size)


class Broken(ValueError):
    """The file cannot be read on from here; `str()` is the sentence that says why."""


def header(name: str, size: int) -> bytes:
    """The one header of a member."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, EPOCH, 0o644
    return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def padding(size: int) -> int:
    """How many zeros follow a member's content."""
    return -size % BLOCK


def length(sizes: dict[str, int]) -> int:
    """Bytes of a whole tar with members of these sizes."""
    return sum(BLOCK + size + padding(size) for size in sizes.values()) + len(END)


def walk(stream: IO[bytes], total: int) -> Iterator[Member]:
    """The members of a tar of `total` bytes, contents not read. Raises Broken at the first that is not as we write."""
    at = 0
    while True:
        stream.seek(at)
        block = stream.read(BLOCK)
        if block == END[:BLOCK]:
            return _end(stream, at, total)
        member = _member(block, at, total)
        yield member
        stream.seek(member.end - padding(member.size))
        if any(stream.read(padding(member.size))):
            raise Broken(f"There is something between {member.name} and what follows it.")
        at = member.end


def _member(block: bytes, at: int, total: int) -> Member:
    if len(block) < BLOCK:
        raise Broken(f"The file is truncated: it ends at byte {total}, where more must follow.")
    try:
        found = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        same = header(found.name, found.size) == block
    except (tarfile.HeaderError, ValueError) as error:
        raise Broken(f"The header at byte {at} is corrupted.") from error
    if not same:
        raise Broken(f"The header of {found.name!a} at byte {at} is not as a bundle has it.")
    member = Member(found.name, at + BLOCK, found.size)
    if member.end > total:
        there = max(0, total - member.offset)
        raise Broken(f"{member.name} is truncated: {there} of {member.size} bytes are there, and nothing follows.")
    return member


def _end(stream: IO[bytes], at: int, total: int) -> None:
    stream.seek(at)
    if stream.read(len(END)) != END:
        raise Broken(f"The file is truncated or corrupted at its end, byte {at}.")
    if total != at + len(END):
        raise Broken(f"{total - at - len(END)} bytes follow the end of the bundle.")

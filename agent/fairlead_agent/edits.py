"""Edits of files by others, told by the kernel as they happen (inotify(7)). A slow resync covers what it misses.

Directories are watched, not files: a file that is renamed into place is another one than that which was there.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLOSE_WRITE, _ATTRIB, _MOVED, _DELETE = 0x8, 0x4, 0xC0, 0x200
_ONLY_DIRECTORIES = 0x01000000
_WANTED = _CLOSE_WRITE | _ATTRIB | _MOVED | _DELETE | _ONLY_DIRECTORIES
_IGNORED = 0x8000
"""The directory is gone, and the watch with it."""
_EVENT = struct.Struct("iIII")
"""Watch, mask, cookie, length of the name; the name follows."""
_BLOCK = 64 * 1024

Stamp = tuple[int, int, int]
_BEING_WRITTEN: Stamp = (0, 0, 0)


def stamp(place: Path) -> Stamp | None:
    """Changes with every change of the file; None if it is not there."""
    try:
        status = place.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_mode


class Edits:
    """Files that are ours, and news of their being changed by somebody else. Belongs to one event loop.

    `watch` and `writing` may be called before anybody listens. What we write ourselves is no news.
    """

    def __init__(self) -> None:
        self._names: dict[Path, str] = {}
        self._written: dict[Path, Stamp | None] = {}
        self._handle = -1
        self._folders: dict[int, Path] = {}
        self._watched: set[Path] = set()
        self._changed: asyncio.Queue[str] = asyncio.Queue()

    def watch(self, place: Path, name: str) -> None:
        """From now on tell of the file at `place` under the name `name`."""
        self._names[place] = name
        if self._handle >= 0 and place.parent not in self._watched:
            self._add(place.parent)

    @contextmanager
    def writing(self, place: Path, name: str) -> Iterator[None]:
        """Around our own writing of it."""
        self._written[place] = _BEING_WRITTEN
        try:
            yield
        finally:
            self._written[place] = stamp(place)
            self.watch(place, name)

    async def changes(self) -> AsyncIterator[str]:
        """Names of files that others changed, from now on. Raises OSError if the kernel has no inotify left."""
        self._open()
        try:
            while True:
                yield await self._changed.get()
        finally:
            self._close()

    def _open(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._handle < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        asyncio.get_running_loop().add_reader(self._handle, self._read)
        for folder in {place.parent for place in self._names}:
            self._add(folder)

    def _close(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._handle = -1
        self._folders.clear()
        self._watched.clear()

    def _add(self, folder: Path) -> None:
        """A folder that is not there yet is tried again with the next call of `watch`."""
        number: int = self._libc.inotify_add_watch(self._handle, os.fsencode(folder), _WANTED)
        if number >= 0:
            self._folders[number] = folder
            self._watched.add(folder)

    def _read(self) -> None:
        try:
            events = os.read(self._handle, _BLOCK)
        except BlockingIOError:
            return
        for number, mask, name in _parsed(events):
            folder = self._folders.get(number)
            if folder is None:
                continue
            if mask & _IGNORED:
                del self._folders[number]
                self._watched.discard(folder)
            else:
                self._tell(folder / name)

    def _tell(self, place: Path) -> None:
        name = self._names.get(place)
        written = self._written.get(place)
        if name is not None and written != _BEING_WRITTEN and (written is None or stamp(place) != written):
            self._changed.put_nowait(name)


def _parsed(events: bytes) -> Iterator[tuple[int, int, str]]:
    place = 0
    while place + _EVENT.size <= len(events):
        number, mask, _, length = _EVENT.unpack_from(events, place)
        place += _EVENT.size
        yield number, mask, os.fsdecode(events[place : place + length].rstrip(b"\0"))
        place += length

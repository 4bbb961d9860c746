"""Blobs on the disk: written beside, size and digest checked while they stream, flushed, renamed.

A controller that is killed in the middle leaves at worst a file in `incoming`, which goes at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fairlead_controller.images.durable import make_folder, translated
from fairlead_controller.images.layout import ALGORITHM, DATA, Layout, hex_of
from fairlead_controller.private_file import flush_folder
from fairlead_wire.cancelling import to_the_end
from fairlead_wire.errors import Invalid

T = TypeVar("T")

# Writing waits for the disk; more at once would only make it seek.
THREADS = 4
# Bytes that stay free: the database is on the same disk, and a controller that can't write it does nothing.
RESERVE = 128 * 1024 * 1024
SEND_AGAIN = "Send it again, whole; `fairlead bundle verify` tells whether a bundle is well."


class BlobStore:
    """The blobs of a store. `now()`: seconds since 1970, which a blob's file gets as its time."""

    def __init__(self, layout: Layout, now: Callable[[], float], reserve: int = RESERVE) -> None:
        self._layout = layout
        self._now = now
        self._reserve = reserve
        self._threads = ThreadPoolExecutor(THREADS, "images")
        # Between a look at a blob's age and its removal nobody may be told that it is there.
        self._changing = threading.Lock()

    def close(self) -> None:
        """Waits for what is being written."""
        self._threads.shutdown()

    def clear(self) -> None:
        """Removes what an earlier controller left half-written. Raises FairleadError."""
        with translated(self._layout.root):
            if self._layout.incoming.exists():
                shutil.rmtree(self._layout.incoming)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """The result of `work(*arguments)` in one of the store's threads; what the disk raises is translated."""

        def done() -> T:
            with translated(self._layout.root):
                return work(*arguments)

        return await to_the_end(asyncio.get_running_loop().run_in_executor(self._threads, done))

    async def add(self, digest: str, size: int, data: AsyncIterator[bytes]) -> None:
        """Safe on the disk when it returns. Raises Invalid for another size or digest, Refused for a full disk."""
        target = self._layout.blob(digest)
        if not 0 <= size < 2**63:
            raise Invalid(f"A blob can't have {size} bytes.", SEND_AGAIN)
        incoming = self._incoming(size)
        try:
            await self.run(incoming.open)
            async for piece in data:
                await self.run(incoming.write, piece)
            await self.run(self._place, incoming, digest, target)
        finally:
            incoming.close()  # no thread is at it any more, and at the controller's end there are none

    def write(self, content: bytes, digest: str) -> None:
        """A small blob at once. Raises OSError; blocks."""
        incoming = self._incoming(len(content))
        try:
            incoming.open()
            incoming.write(content)
            self._place(incoming, digest, self._layout.blob(digest))
        finally:
            incoming.close()

    def missing(self, digests: Iterable[str]) -> tuple[str, ...]:
        """Those that are not there. The others count as fresh from now on: an upload may leave them out.

        Raises Invalid for what is no digest; blocks.
        """
        wanted = list(dict.fromkeys(digests))
        for digest in wanted:
            hex_of(digest)
        with translated(self._layout.root):
            return tuple(digest for digest in wanted if not self._freshened(digest))

    def size_of(self, digest: str) -> int | None:
        """Its bytes, None if it is not there. Raises OSError."""
        try:
            return self._layout.blob(digest).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, digest: str) -> bytes:
        """A small blob's content. Raises OSError."""
        return self._layout.blob(digest).read_bytes()

    def discard(self, digest: str) -> None:
        """Removes a blob that is damaged, so that it counts as missing. Raises OSError."""
        self._layout.blob(digest).unlink(missing_ok=True)

    def sweep(self, needed: Set[str], before: float, among: Iterable[str] | None = None) -> int:
        """Removes blobs that are neither needed nor fresh since `before`; the bytes that this freed.

        `among`: the only ones that may go, without it all. Raises OSError; blocks.
        """
        found = list(self._all()) if among is None else among
        return sum(self._removed(digest, before) for digest in found if digest not in needed)

    def _incoming(self, size: int) -> _Incoming:
        return _Incoming(self._layout.incoming, size, self._reserve)

    def _place(self, incoming: _Incoming, digest: str, target: Path) -> None:
        incoming.check(digest)
        with self._changing:
            make_folder(target.parent)
            incoming.path.rename(target)
            self._touch(target)
        flush_folder(target.parent)

    def _freshened(self, digest: str) -> bool:
        with self._changing:
            try:
                self._touch(self._layout.blob(digest))
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def _touch(self, path: Path) -> None:
        now = self._now()
        os.utime(path, (now, now))

    def _removed(self, digest: str, before: float) -> int:
        path = self._layout.blob(digest)
        with self._changing, contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < before:
                path.unlink()
                _remove_empty(path.parent)
                return found.st_size
        return 0

    def _all(self) -> Iterator[str]:
        for path in self._layout.blobs.glob(f"*/*/{DATA}"):
            yield f"{ALGORITHM}:{path.parent.name}"


class _Incoming:
    """A blob on its way. Its room is taken at once, so that a full disk is told before a gigabyte has come.

    Used from one thread at a time; all of it blocks and raises OSError.
    """

    def __init__(self, folder: Path, size: int, reserve: int) -> None:
        self._folder = folder
        self._size = size
        self._reserve = reserve
        self._written = 0
        self._digest = hashlib.sha256()
        self._descriptor = -1
        self.path = folder

    def open(self) -> None:
        make_folder(self._folder)
        if shutil.disk_usage(self._folder).free < self._size + self._reserve:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._descriptor, name = tempfile.mkstemp(dir=self._folder)
        self.path = Path(name)
        _take_room(self._descriptor, self._size)

    def write(self, piece: bytes) -> None:
        """Raises Invalid for more than was told."""
        if self._written + len(piece) > self._size:
            raise Invalid(f"The blob has more than the {self._size} bytes that were announced.", SEND_AGAIN)
        self._digest.update(piece)
        left = memoryview(piece)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._written += len(piece)

    def check(self, digest: str) -> None:
        """Raises Invalid unless it is whole and itself; then it is safe on the disk."""
        if self._written != self._size:
            raise Invalid(f"The blob is truncated: {self._written} of {self._size} bytes came.", SEND_AGAIN)
        if (found := f"{ALGORITHM}:{self._digest.hexdigest()}") != digest:
            raise Invalid(f"The blob is corrupted: it has the digest {found}, and {digest} was announced.", SEND_AGAIN)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Removes it, unless it has got its place."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self.path.unlink(missing_ok=True)


def _take_room(descriptor: int, size: int) -> None:
    if not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        # A file system that can't: the disk may still turn out to be full in the middle.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()

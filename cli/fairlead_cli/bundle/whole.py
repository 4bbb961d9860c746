"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fairlead_wire.errors import Refused


@contextlib.contextmanager
def writing(out: Path, total: int) -> Iterator[IO[bytes]]:
    """A stream to a new file beside `out`, which takes its place if the block ends well and vanishes if not.

    `total` is how many bytes will come. Raises Refused when the disk has or gets no room for them.
    """
    _have_room(out, total)
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        fresh.chmod(0o666 & ~_umask())
        fresh.replace(out)
        _sync(out.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(out, total) from error
        raise
    finally:
        fresh.unlink(missing_ok=True)


def _have_room(out: Path, total: int) -> None:
    if not out.parent.is_dir():
        raise Refused(f"There is no folder {out.parent}.", "Make it, or write to another one.")
    if out.is_dir():
        raise Refused(f"{out} is a folder.", "Give the name of a file in it.")
    if shutil.disk_usage(out.parent).free < total:
        raise _full(out, total)


def _full(out: Path, total: int) -> Refused:
    return Refused(
        f"The disk of {out.parent.absolute()} has no room for {total / 1e6:.0f} MB, so nothing was written.",
        "Make room, or write to another disk.",
    )


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

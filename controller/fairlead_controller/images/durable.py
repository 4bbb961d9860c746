"""Files of the store that are whole or not there, and still there after a power cut; and what a full disk says."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead_controller.private_file import flush_folder, write_private
from fairlead_wire.errors import FairleadError, Refused

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ImagesFault(FairleadError):
    """The store's disk can't do it now; nothing was changed."""

    code = "UNAVAILABLE"


@contextmanager
def translated(where: Path) -> Iterator[None]:
    """Turns what the disk raises into a FairleadError that tells what to do next."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full(where) from None
        raise ImagesFault(
            f"The images in {where} can't be written or read ({error.strerror}): nothing was changed.",
            "Check the disk (`dmesg`) and that the controller's user may write there.",
        ) from error


def full(where: Path) -> Refused:
    return Refused(
        f"The disk of {where} is full: nothing was changed.",
        "Free some space there, for example with `fairlead images rm`, and try again.",
    )


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it; each lasts. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    flush_folder(folder.parent)


def write_link(link: Path, digest: str, at: float) -> None:
    """Makes `link` lead to `digest`; `at`: seconds since 1970, the link's time. Raises OSError."""
    make_folder(link.parent)
    write_private(link, digest.encode())
    os.utime(link, (at, at))


def read_link(link: Path) -> str:
    """Where it leads, empty if there is none."""
    try:
        return link.read_text(encoding="ascii", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""

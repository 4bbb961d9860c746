"""Files that are either the old or the new ones, whenever the power goes: temporary file, fsync, rename, fsync."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Draft:
    """A file as it is to be; `owner`: user and group, the agent's own if None."""

    path: Path
    content: bytes
    mode: int
    owner: tuple[int, int] | None = None


def replace_file(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Puts `content` at `path` in one step; at no instant is it there with other permissions than `mode`."""
    [error] = replace_files([Draft(path, content, mode, owner)])
    if error is not None:
        raise error


def replace_files(drafts: Sequence[Draft]) -> list[OSError | None]:
    """The same for several at a time, renamed in their order; what went wrong with each.

    All are written before the first is waited for: the disk then has most of them by the time that it is asked.
    """
    each = [_Temporary(draft) for draft in drafts]
    try:
        for step in (_Temporary.write, _Temporary.sync, _Temporary.put):
            for one in each:
                one.attempt(step)
    finally:
        for one in each:
            one.clear()
    for folder in dict.fromkeys(one.draft.path.parent for one in each if one.error is None):
        sync_directory(folder)
    return [one.error for one in each]


class _Temporary:
    """A draft on its way to its place."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.error: OSError | None = None
        self._place = draft.path.with_name(f".{draft.path.name}.{secrets.token_hex(4)}.fairlead")
        self._handle = -1

    def attempt(self, step: Callable[[_Temporary], None]) -> None:
        if self.error is None:
            try:
                step(self)
            except OSError as error:
                self.error = error

    def write(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._handle = os.open(self._place, flags, 0o600)
        with os.fdopen(self._handle, "wb", closefd=False) as sink:
            sink.write(self.draft.content)
        if self.draft.owner is not None:
            os.fchown(self._handle, *self.draft.owner)
        os.fchmod(self._handle, self.draft.mode)

    def sync(self) -> None:
        os.fsync(self._handle)

    def put(self) -> None:
        self._place.replace(self.draft.path)

    def clear(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            self._place.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Appends one line, or several with line ends between them, and waits until it is on disk."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        left = f"{line}\n".encode()
        while left:  # a disk that is nearly full takes a part and says so only at the next try
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Waits until the names in a directory are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(path: Path) -> str:
    """SHA-256 of the content, hexadecimal; "" if there is no such file."""
    held = hashlib.sha256()
    try:
        with path.open("rb") as source:
            while block := source.read(BLOCK):
                held.update(block)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return held.hexdigest()


def mode_of(path: Path) -> int:
    """Permission bits; 0 if there is no such file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return 0

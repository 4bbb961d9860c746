"""Files that are either the old or the new ones, whenever the power goes: temporary file, fsync, rename, fsync."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

BLOCK = 1024 * 1024


def replace_file(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Puts `content` at `path` in one step; at no instant is it there with other permissions than `mode`."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.fairlead")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(content)
            sink.flush()
            if owner is not None:
                os.fchown(handle, *owner)
            os.fchmod(handle, mode)
            os.fsync(handle)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def append_line(path: Path, line: str) -> None:
    """Appends one line and waits until it is on disk."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, f"{line}\n".encode())
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

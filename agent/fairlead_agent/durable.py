"""The agent's own small files: 0600, and whole whenever the power goes."""

from __future__ import annotations

from pathlib import Path

from fairlead_agent.files import replace_file, sync_directory


def write(path: Path, content: bytes) -> None:
    """Either the old content stays or the new one is there, on the disk. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, content, 0o600)


def remove(path: Path) -> None:
    """Removes a file for good; one that is gone is fine."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def read(path: Path) -> bytes:
    """The content, empty if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""

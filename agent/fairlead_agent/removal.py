"""Removing directory trees without ever leaving them: not through a mount, not onto another file system."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fairlead_agent.effects import HostFailure
from fairlead_agent.host_paths import below


def remove_tree(top: Path, mounted: Sequence[str]) -> str:
    """Removes `top` and all in it; gives "" or the sentence why a part of it stays.

    `mounted` are all mount points as this process names them. A bind mount of the same file system has the same
    device number, so the list is asked first and the device number (of `top`) as well. If `top` itself is a mount
    point, its content goes and it stays.
    """
    inside = [point for point in mounted if point != str(top) and below(point, str(top))]
    if inside:
        return f"{inside[0]} is still mounted, so {top} was left as it is; unmount it, then remove the directory."
    try:
        device = top.lstat().st_dev
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if not top.is_dir() or top.is_symlink():
        return f"{top} is not a directory and was left as it is."
    kept = _empty(top, device)
    if kept:
        return f"{kept} is on another file system and was left as it is."
    if str(top) not in mounted:
        top.rmdir()
    return ""


def remove_file(path: Path) -> None:
    """Removes a file, link or socket; what is gone is fine. Raises HostFailure for a directory."""
    if path.is_dir() and not path.is_symlink():
        raise HostFailure(f"{path} is a directory, not a file, and was left as it is")
    path.unlink(missing_ok=True)


def _empty(folder: Path, device: int) -> str:
    """Removes what is in `folder`; the first path on another device, which is left, or ""."""
    kept = ""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False):
                path.unlink(missing_ok=True)
            elif entry.stat(follow_symlinks=False).st_dev != device:
                kept = kept or entry.path
            elif inner := _empty(path, device):
                kept = kept or inner
            else:
                path.rmdir()
    return kept

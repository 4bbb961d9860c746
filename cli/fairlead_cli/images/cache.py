"""The cache: built things under names that tell their content, outside the checkout.

A key is a digest of everything that decides the bytes: recipe files, sources, toolchain. So nothing in the cache
is ever stale, and it may be copied to other machines or deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

KEPT = 3  # archives of one image: an older release or branch stays at hand, a day's changes do not pile up
KEY_LENGTH = 16  # hexadecimal digits of SHA-256: 64 bits, far more than one machine's builds can collide in
IGNORED = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def default_root(environment: Mapping[str, str], home: Path) -> Path:
    """Where the cache lies: FAIRLEAD_CACHE, or `fairlead` under XDG_CACHE_HOME or ~/.cache."""
    if environment.get("FAIRLEAD_CACHE"):
        return Path(environment["FAIRLEAD_CACHE"])
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "fairlead"


def key_of(*parts: str | bytes) -> str:
    """A key from parts; their borders count, so ("ab", "c") is not ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:KEY_LENGTH]


def tree_digest(folder: Path, paths: Iterable[Path] | None = None) -> str:
    """A digest of files: their paths below `folder`, whether they can be executed, and their content."""
    found = sorted(_files(folder) if paths is None else paths)
    parts: list[str | bytes] = []
    for path in found:
        executable = "x" if os.access(path, os.X_OK) else "-"
        parts += [str(path.relative_to(folder)), executable, path.read_bytes()]
    return key_of(*parts)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not IGNORED & set(path.parts):
            yield path


class Cache:
    """Built things by name and key. What is half-written has another name until it is whole."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def image(self, name: str, key: str) -> Path:
        """The archive of an image, present or not."""
        return self.root / "images" / f"{name}-{key}.tar"

    def trim(self, name: str) -> None:
        """Removes the oldest archives of an image, to make room for one more."""
        pattern = re.compile(rf"{re.escape(name)}-[0-9a-f]{{{KEY_LENGTH}}}\.tar")
        found = [path for path in (self.root / "images").glob("*.tar") if pattern.fullmatch(path.name)]
        for path in sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT - 1 :]:
            path.unlink(missing_ok=True)

    def binary(self, module: str, key: str, name: str) -> Path:
        """A Go program, present or not."""
        return self.root / "go" / f"{module}-{key}" / name

    def folder(self, name: str, key: str) -> Path:
        """Any other built folder, present or not."""
        return self.root / name / key

    @contextlib.contextmanager
    def writing(self, final: Path) -> Iterator[Path]:
        """A path to write a file or folder to, which becomes `final` if the block ends well and vanishes if not."""
        final.parent.mkdir(parents=True, exist_ok=True)
        with self.scratch(final.parent) as scratch:
            path = scratch / final.name
            yield path
            if final.is_dir():  # somebody else was faster; its content is the same, as the key says
                return
            path.replace(final)

    @contextlib.contextmanager
    def scratch(self, parent: Path | None = None) -> Iterator[Path]:
        """A new folder for the length of a block, on the cache's own file system so that links and renames work."""
        parent = parent or self.root
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

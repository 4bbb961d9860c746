"""Files in memory alone, for a child process: what is in them never lies on a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_files(**contents: bytes) -> Iterator[dict[str, int]]:
    """Descriptors of files by name, for the length of a block; a child inherits those that it is passed.

    Raises OSError.
    """
    descriptors: dict[str, int] = {}
    try:
        for name, content in contents.items():
            descriptors[name] = os.memfd_create(name, os.MFD_CLOEXEC)
            with os.fdopen(os.dup(descriptors[name]), "wb") as file:
                file.write(content)
        yield descriptors
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def path_of(descriptor: int) -> str:
    """Where a process opens a descriptor of its own as a file, from its beginning."""
    return f"/proc/self/fd/{descriptor}"

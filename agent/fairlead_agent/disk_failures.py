"""What a file system refuses, as a sentence that says what to do. Pure."""

from __future__ import annotations

import errno
import os

_HINTS = {
    errno.ENOSPC: "; make room on that disk, then this is tried again",
    errno.EROFS: "; mount that file system writable, then this is tried again",
    errno.EACCES: "; run the agent as root and privileged",
    errno.EPERM: "; run the agent as root and privileged",
}


def sentence(failure: OSError, path: object) -> str:
    """`path`: what was worked on, for failures that name nothing, such as a write's."""
    hint = _HINTS.get(failure.errno or 0, "")
    return f"{failure.filename or path}: {os.strerror(failure.errno or 0)}{hint}"

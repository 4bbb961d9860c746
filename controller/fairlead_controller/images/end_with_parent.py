"""Becomes another program that ends when its parent does, however that ends: `python FILE PARENT PROGRAM ARGUMENT…`.

A program of its own, since what runs between fork and exec of a process with threads may hang. It imports nothing of
ours, so that it takes a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> int:
    """`arguments`: the parent's process id, the program, what it is called by and its further words."""
    parent, program, *words = arguments
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        sys.stderr.write(f"prctl: {os.strerror(ctypes.get_errno())}\n")
        return 1
    if os.getppid() != int(parent):  # it ended before we asked
        return 1
    try:
        os.execv(program, words)  # noqa: S606  # the program that the controller was told to run
    except OSError as error:
        sys.stderr.write(f"{program}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

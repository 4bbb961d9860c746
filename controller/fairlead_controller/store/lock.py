"""One controller on the same data: a lock that the kernel drops when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fairlead_wire.errors import Refused

LOCK = "controller.lock"


class DataLock:
    """Holds DATA/controller.lock; the file tells who holds it."""

    def __init__(self, data: Path) -> None:
        """Raises Refused if another process holds it."""
        self._file = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Refused(
                f"Another controller (process {holder}) already runs on {data}.",
                "Stop it first, or give this one a data directory of its own.",
            ) from None
        os.truncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)

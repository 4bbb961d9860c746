"""A wrong clock for one process of the product, from outside: the product has no option for it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead_cli.images import host_tools
from fairlead_cli.images.progress import Step, silent

SOURCE = Path(__file__).with_name("shifted_clock.c")


def build(folder: Path) -> Path:
    """The library that shifts the clock of whoever loads it."""
    library = folder / "shifted_clock.so"
    compiler = host_tools.need("gcc", "the wrong clock is written in C", Step("clock", silent, time.monotonic))
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", str(library), str(SOURCE), "-ldl"], check=True, timeout=60
    )
    return library


@contextmanager
def shifting(library: Path, seconds: int) -> Iterator[None]:
    """Programs that are started in this block have a wall clock that is so many seconds ahead."""
    words = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(seconds)}
    os.environ.update(words)
    try:
        yield
    finally:
        for word in words:
            del os.environ[word]

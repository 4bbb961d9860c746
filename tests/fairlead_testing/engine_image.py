"""A tiny image for tests with a real Engine, made of this machine's own sh, sleep and cat: no registry needed."""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker.api.client import APIClient

PROGRAMS = ("sh", "sleep", "cat")


def root_filesystem() -> bytes:
    """A tar of the programs in /bin and of the libraries they need, at their own paths."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        needed: set[str] = set()
        for program in PROGRAMS:
            found = shutil.which(program)
            assert found is not None, f"this machine has no {program}"
            _put(archive, f"bin/{program}", Path(found).resolve())
            needed |= _libraries(found)
        for library in sorted(needed):
            _put(archive, library.lstrip("/"), Path(library).resolve())
    return held.getvalue()


@contextmanager
def image_on_the_engine() -> Iterator[str]:
    """The reference of such an image on the real Engine, removed afterwards."""
    client = APIClient(f"unix://{docker_socket()}", version="auto", timeout=60)
    repository, tag = "fairlead/contract", secrets.token_hex(4)
    client.import_image_from_data(root_filesystem(), repository=repository, tag=tag)
    try:
        yield f"{repository}:{tag}"
    finally:
        client.remove_image(f"{repository}:{tag}", force=True)
        client.close()


def docker_socket() -> str:
    """The path of the Engine's socket: of DOCKER_HOST if that is one, else the usual."""
    return os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"


def _put(archive: tarfile.TarFile, name: str, source: Path) -> None:
    entry = tarfile.TarInfo(name)
    content = source.read_bytes()
    entry.size, entry.mode = len(content), 0o755
    archive.addfile(entry, io.BytesIO(content))


def _libraries(program: str) -> set[str]:
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True, timeout=20).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))

"""What a scripted Docker answers to calls that change something, and a command's standard input out of a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_wire.errors import Missing

NO_SUCH = Missing("No such container: none.", "See `fairlead docker ps -a`.")
Attached = docker_pb2.AttachContainerResponse
Executed = docker_pb2.ExecContainerResponse


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def ran(kind: Any, *blocks: bytes, code: int = 0, terminal: bool = False) -> list[Any]:
    return [kind(terminal=terminal), *(kind(data=block) for block in blocks), kind(exit_code=code)]


def told(*messages: object) -> list[docker_pb2.PullImageResponse]:
    """A pull's messages, cut into blocks in the middle of lines."""
    text = "".join(f"{json.dumps(message)}\n" for message in messages).encode()
    return [docker_pb2.PullImageResponse(data=text[at : at + 7]) for at in range(0, len(text), 7)]


@contextmanager
def standard_input(content: bytes, path: Path) -> Iterator[None]:
    path.write_bytes(content)
    before = os.dup(0)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.dup2(descriptor, 0)
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(descriptor)

"""What Docker's own client does: the context that `docker build` sends, caught by an Engine that is none."""

from __future__ import annotations

import io
import os
import socket
import socketserver
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

SECONDS = 60


class CaughtEngine(socketserver.ThreadingUnixStreamServer):
    """Takes one build's context and calls it built."""

    daemon_threads = True
    context = b""


class _Handler(BaseHTTPRequestHandler):
    server: CaughtEngine
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"OK")

    def do_POST(self) -> None:
        self.server.context = self._body()
        self._answer(b'{"stream":"Successfully built 0123456789ab\\n"}\n')

    def _body(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in (("Api-Version", "1.41"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "docker"

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _engine(folder: Path) -> Iterator[tuple[CaughtEngine, str]]:
    path = folder / "caught.sock"
    with CaughtEngine(str(path), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server, f"unix://{path}"
        finally:
            server.shutdown()
            thread.join(SECONDS)
            path.unlink()


def sent_context(root: Path, scratch: Path, *words: str, stdin: bytes = b"") -> bytes:
    """The archive that `docker build WORDS ROOT` sends, from within ROOT."""
    with _engine(scratch) as (server, address):
        result = subprocess.run(
            ["docker", "build", *words, str(root)],
            env={**os.environ, "DOCKER_HOST": address, "DOCKER_BUILDKIT": "0", "DOCKER_CONTEXT": ""},
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            cwd=root,
            check=False,
        )
        assert result.returncode == 0, result.stderr.decode()
        return server.context


def refused_context(root: Path, scratch: Path, *words: str) -> str:
    """What `docker build` says when it sends none."""
    with _engine(scratch) as (_, address):
        result = subprocess.run(
            ["docker", "build", *words, str(root)],
            env={**os.environ, "DOCKER_HOST": address, "DOCKER_BUILDKIT": "0", "DOCKER_CONTEXT": ""},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert result.returncode != 0
        return result.stderr


def listed(context: bytes) -> dict[str, tuple[object, ...]]:
    """Everything that a context says of each file: kind, mode, owner, time, link and content."""
    found: dict[str, tuple[object, ...]] = {}
    # Docker ends an archive that it changed on its way without the usual zeros.
    held = io.BytesIO(context + bytes(tarfile.RECORDSIZE))
    with tarfile.open(fileobj=held, mode="r|*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            numbers = (member.mode, member.uid, member.gid, member.uname, member.gname, member.mtime)
            device = (member.devmajor, member.devminor)
            found[member.name] = (member.type, *numbers, member.linkname, device, content.read() if content else b"")
    return found


def listening_socket(path: Path) -> socket.socket:
    """A socket in the file system, which no archive can hold."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    return made

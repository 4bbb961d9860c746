"""The CNCF registry's program, as the controller's image has it; out of the cache of `fairlead images build`."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from fairlead_cli.images.builder import Builder
from fairlead_wire.channels import Credentials


@cache
def registry_program() -> Path:
    return Builder().binary("registry")


@contextmanager
def tls_files(folder: Path, credentials: Credentials) -> Iterator[ssl.SSLContext]:
    """A client's side of TLS with these credentials; without a key it has no certificate."""
    context = ssl.create_default_context(cadata=credentials.authority.decode())
    if credentials.key:
        folder.mkdir(parents=True, exist_ok=True)
        chain, key = folder / "chain", folder / "key"
        chain.write_bytes(credentials.chain)
        key.write_bytes(credentials.key)
        context.load_cert_chain(chain, key)
    yield context


def ask(
    at: str, context: ssl.SSLContext, method: str, path: str, *, body: bytes = b"", accept: str = "*/*"
) -> tuple[int, bytes]:
    """Status and body of one answer. Raises OSError where TLS refuses us."""
    host, _, port = at.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
    try:
        connection.request(method, path, body or None, {"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()

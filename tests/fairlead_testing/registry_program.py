"""The CNCF registry's program, as the controller's image has it; out of the cache of `fairlead images build`."""

from __future__ import annotations

import http.client
import ssl
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from fairlead_cli.images import archive
from fairlead_cli.images.builder import Builder
from fairlead_cli.images.cache import key_of
from fairlead_wire.channels import Credentials


@cache
def registry_program() -> Path:
    """Taken out of the image, which may be pulled: no compiler is needed for that."""
    builder = Builder()
    [built] = builder.build(["registry"]).values()
    place = builder.cache.folder("programs", key_of(built.image_id)) / "registry"
    if not place.exists():
        with builder.cache.scratch() as scratch, builder.cache.writing(place) as fresh:
            [image] = archive.in_place(built.archive) or archive.unpack(built.archive, scratch)
            fresh.write_bytes(next(filter(None, map(_program_in, reversed(image.layers)))))
            fresh.chmod(0o755)
    return place


def _program_in(layer: archive.Blob) -> bytes:
    """Empty if the layer does not have it."""
    with layer.path.open("rb") as stream:
        stream.seek(layer.offset)
        with tarfile.open(fileobj=stream, mode="r:") as files:
            for member in files:
                if member.name.lstrip("./") == "bin/registry" and (found := files.extractfile(member)):
                    return found.read()
    return b""


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

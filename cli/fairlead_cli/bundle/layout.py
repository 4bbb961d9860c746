"""Where things are in a bundle: documents first, so that who reads a stream knows what comes before the gigabyte."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead_cli.images.archive import BLOBS, canonical

LAYOUT, INDEX = "oci-layout", "index.json"
LAYOUT_CONTENT = canonical({"imageLayoutVersion": "1.0.0"})
BLOB = re.compile(rf"{BLOBS}/([0-9a-f]{{64}})")


def blob_name(digest: str) -> str:
    """The path of a blob in a layout; `digest` as OCI writes it ("sha256:…")."""
    return f"{BLOBS}/{digest.removeprefix('sha256:')}"


def digest_in(name: str) -> str:
    """The digest that a blob's path tells, empty if it is no blob's."""
    found = BLOB.fullmatch(name)
    return f"sha256:{found[1]}" if found else ""


def order(documents: Iterable[str], payload: Iterable[str]) -> list[str]:
    """All paths in their order, given the digests of documents (small) and of layers and programs (large)."""
    small = set(documents)
    large = set(payload) - small
    return [LAYOUT, INDEX, *map(blob_name, sorted(small)), *map(blob_name, sorted(large))]

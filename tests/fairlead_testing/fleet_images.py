"""Images of a fleet for tests: stores of a test's own, and small images to put into them."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead_controller.images.fleet_images import StoredImages
from fairlead_controller.images.manifests import DOCKER, OCI
from fairlead_controller.ports import Clock

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def new_images(clock: Clock, folder: Path | None = None) -> StoredImages:
    """Without any; the folder comes to be with the first blob."""
    name = f"fairlead-images-{secrets.token_hex(6)}"
    return StoredImages(folder or Path(tempfile.gettempdir()) / name, clock.now, reserve=0)


def no_images() -> StoredImages:
    """For controllers that are never given any."""
    return StoredImages(Path("/dev/null/images"), lambda: 0.0)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class SmallImage:
    """A manifest and the blobs that it refers to, by digest; the configuration is the first."""

    manifest: bytes
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def size(self) -> int:
        return sum(map(len, self.blobs.values()))


def small_image(*contents: bytes, kind: str = OCI, **changed: Any) -> SmallImage:
    """An image of layers that have one file each with that content; `changed` replaces fields of the manifest."""
    layers = [_layer(number, content) for number, content in enumerate(contents)]
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    docker = kind == DOCKER
    document = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": _described(config, "application/vnd.docker.container.image.v1+json" if docker else CONFIG),
        "layers": [
            _described(one, "application/vnd.docker.image.rootfs.diff.tar" if docker else LAYER) for one in layers
        ],
        **changed,
    }
    return SmallImage(json.dumps(document).encode(), {digest_of(one): one for one in (config, *layers)})


def _described(content: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def _layer(number: int, content: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo(f"file-{number}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


async def pieces(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def put(images: StoredImages, reference: str, image: SmallImage) -> None:
    """As an upload does it: what is missing, then the name."""
    for digest in images.missing(image.blobs):
        await images.add_blob(digest, len(image.blobs[digest]), pieces(image.blobs[digest]))
    await images.put(reference, image.manifest)

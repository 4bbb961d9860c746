"""Manifests of images: what one refers to, and whether nodes could use it. Pure.

OCI image manifests (github.com/opencontainers/image-spec v1.1.0, manifest.md) and Docker's version 2, schema 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fairlead_controller.images.layout import is_digest
from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.errors import Invalid, Problem

# As the registry has it (registry/handlers/manifests.go, maxManifestBodySize).
LARGEST = 4 * 1024 * 1024
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
# For each kind of manifest, that of the configuration which makes it an image and not any other artifact.
CONFIGURATIONS = {
    OCI: "application/vnd.oci.image.config.v1+json",
    DOCKER: "application/vnd.docker.container.image.v1+json",
}
LISTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ADVICE = "Send the manifest of one image for one platform: OCI, or Docker's version 2, schema 2."


@dataclass(frozen=True)
class Described:
    """What a manifest says of a blob: its digest ("sha256:…") and its bytes."""

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """`digest` of the manifest itself; `config` and `layers` that it refers to, the lowest first."""

    digest: str
    config: Described
    layers: tuple[Described, ...]

    @property
    def blobs(self) -> tuple[Described, ...]:
        """All that it refers to, each once."""
        return tuple({one.digest: one for one in (self.config, *self.layers)}.values())


def digest_of(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def parse(content: bytes) -> Manifest:
    """Raises Invalid, with all that is wrong, for what is no manifest of an image."""
    document = _document(content)
    kind = str(document.get("mediaType", OCI))
    if kind in LISTS or "manifests" in document:
        raise Invalid("The manifest is a list of images for several platforms.", ADVICE)
    config = document.get("config")
    layers = document.get("layers")
    problems = list(_problems(document, kind, config, layers))
    if problems:
        raise Invalid("The manifest is not one of an image.", ADVICE, problems)
    assert isinstance(config, dict)
    assert isinstance(layers, list)
    return Manifest(digest_of(content), _described(config), tuple(map(_described, layers)))


def fleet_image(reference: str, manifest: Manifest, put_at: float) -> FleetImage:
    """The image of that manifest under that name; `put_at`: seconds since 1970."""
    return FleetImage(
        reference,
        manifest.digest,
        manifest.config.digest,
        {one.digest: one.size for one in manifest.blobs},
        put_at,
    )


def _document(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise Invalid(f"The manifest has {len(content)} bytes; {LARGEST} are taken.", ADVICE)
    try:
        document = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Invalid("The manifest is not JSON.", ADVICE) from None
    if not isinstance(document, dict):
        raise Invalid("The manifest is not a JSON object.", ADVICE)
    return document


def _refuse(constant: str) -> None:
    """NaN and the like, which are JSON to Python alone."""
    raise ValueError(constant)


def _problems(document: dict[str, Any], kind: str, config: Any, layers: Any) -> Iterator[Problem]:
    if not (isinstance(document.get("schemaVersion"), int) and document["schemaVersion"] == 2):
        yield Problem("schemaVersion", "must be 2")
    if kind not in CONFIGURATIONS:
        yield Problem("mediaType", f"must be {' or '.join(CONFIGURATIONS)}")
    yield from _of_blob(config, "config")
    if isinstance(config, dict) and kind in CONFIGURATIONS and config.get("mediaType") != CONFIGURATIONS[kind]:
        yield Problem("config.mediaType", f"must be {CONFIGURATIONS[kind]}")
    if not isinstance(layers, list):
        yield Problem("layers", "must be a list")
    for number, layer in enumerate(layers if isinstance(layers, list) else ()):
        yield from _of_blob(layer, f"layers[{number}]")
    yield from _of_two_sizes([config, *(layers if isinstance(layers, list) else ())])


def _of_blob(found: Any, where: str) -> Iterator[Problem]:
    if not isinstance(found, dict):
        yield Problem(where, "must be an object with digest and size")
        return
    digest, size = found.get("digest"), found.get("size")
    if not (isinstance(digest, str) and is_digest(digest)):
        yield Problem(f"{where}.digest", "must be sha256: and 64 hexadecimal digits")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        yield Problem(f"{where}.size", "must be a number of bytes")
    if found.get("urls"):
        yield Problem(f"{where}.urls", "must not be there: the fleet's registry gives away what it has itself")


def _of_two_sizes(found: Sequence[Any]) -> Iterator[Problem]:
    sizes: dict[Any, Any] = {}
    for one in found:
        digest, size = (one.get("digest"), one.get("size")) if isinstance(one, dict) else (None, None)
        if isinstance(digest, str) and sizes.setdefault(digest, size) != size:
            yield Problem("layers", f"give {digest} two sizes")


def _described(found: dict[str, Any]) -> Described:
    return Described(found["digest"], found["size"])

"""The bundle's own manifest: what is in a bundle, in words, and the OCI documents that follow from it.

    index.json ─┬─ artifact manifest ── document (application/vnd.fairlead.bundle.v1+json), programs
                ├─ image manifest ── configuration, layers
                └─ …

The digest of the artifact manifest is the bundle's name: it covers the document, which names every image by digest,
and index.json follows from both. So two bundles of one digest are the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fairlead_cli.images.archive import INDEX_TYPE, MANIFEST_TYPE, canonical

BUNDLE_TYPE: Literal["application/vnd.fairlead.bundle.v1+json"] = "application/vnd.fairlead.bundle.v1+json"
PROGRAM_TYPE = "application/vnd.fairlead.program.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"  # what OCI artifacts have for a configuration
EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
UNKNOWN = "NOASSERTION"  # SPDX's word for a licence that could not be found out
FULL_NAME, SHORT_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
# Names become words of command lines and names of files, so a bundle from anywhere must not choose freely.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Reference = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Kind = Literal["debian", "go", "python"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Project(Strict):
    """Whose work an image mainly is. `licence` is an SPDX expression."""

    name: str
    licence: str


class Part(Strict):
    """What an image has in it beside: a Debian package, a Go module or a Python distribution."""

    kind: Kind
    name: str
    version: str
    licence: str


class ImageEntry(Strict):
    """One image. `size` is what a node without any of it has to get, in bytes: configuration and layers."""

    name: Name
    references: tuple[Reference, ...] = Field(min_length=1)
    manifest: Digest
    id: Digest
    size: int = Field(ge=0)
    project: Project
    parts: tuple[Part, ...]


class ProgramEntry(Strict):
    """A program that comes along as it is, such as kubectl; `size` in bytes."""

    name: Name
    digest: Digest
    size: int = Field(ge=0)
    project: Project
    parts: tuple[Part, ...]


class Document(Strict):
    """The whole bundle in words. `size`: bytes of all images, what they share counted once."""

    mediaType: Literal["application/vnd.fairlead.bundle.v1+json"] = BUNDLE_TYPE
    release: str
    platform: Annotated[str, Field(pattern=r"^[a-z0-9]+/[a-z0-9]+$")]
    fairlead: str
    size: int = Field(ge=0)
    images: tuple[ImageEntry, ...]
    programs: tuple[ProgramEntry, ...] = ()

    def content(self) -> bytes:
        """The document as the bundle has it."""
        return canonical(self.model_dump(mode="json"))

    def image(self, word: str) -> ImageEntry | None:
        """The image of a recipe's name or of a reference."""
        return next((one for one in self.images if word == one.name or word in one.references), None)


def described(digest: str, size: int, media_type: str, **more: Any) -> dict[str, Any]:
    """An OCI descriptor."""
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def artifact(document: Document, digest: str, size: int) -> bytes:
    """The OCI artifact manifest that leads to the document (of that digest and size) and to the programs."""
    programs = [
        described(one.digest, one.size, PROGRAM_TYPE, annotations={"org.opencontainers.image.title": one.name})
        for one in document.programs
    ]
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": BUNDLE_TYPE,
            "config": described(EMPTY_DIGEST, len(EMPTY), EMPTY_TYPE),
            "layers": [described(digest, size, BUNDLE_TYPE), *programs],
        }
    )


def index(document: Document, artifact_digest: str, artifact_size: int, sizes: Sequence[int]) -> bytes:
    """The whole index.json; `sizes` are those of the image manifests, in the document's order."""
    system, _, architecture = document.platform.partition("/")
    platform = {"os": system, "architecture": architecture}
    images = [
        described(one.manifest, size, MANIFEST_TYPE, platform=platform, annotations=_named(reference))
        for one, size in zip(document.images, sizes, strict=True)
        for reference in one.references
    ]
    bundle = described(artifact_digest, artifact_size, MANIFEST_TYPE, artifactType=BUNDLE_TYPE)
    return canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [bundle, *images]})


def _named(reference: str) -> dict[str, str]:
    """As containerd and `docker load` read a name."""
    return {FULL_NAME: reference, SHORT_NAME: reference.rpartition(":")[2]}

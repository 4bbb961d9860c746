"""What goes into a bundle, from images to every byte of its documents. Reads layers only to find licences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.bundle import document as documents
from fairlead_cli.bundle import layout, tarball
from fairlead_cli.bundle.document import EMPTY, Document, ImageEntry, ProgramEntry
from fairlead_cli.bundle.licences import go_info
from fairlead_cli.bundle.licences.parts import Survey
from fairlead_cli.bundle.projects import project_of
from fairlead_cli.images import archive
from fairlead_cli.images.archive import Blob, Image
from fairlead_cli.images.progress import Step
from fairlead_wire.errors import Invalid

Content = bytes | Blob


@dataclass(frozen=True)
class Given:
    """An image for a bundle: the name of its recipe, its blobs and the references that it gets."""

    name: str
    image: Image


@dataclass(frozen=True)
class Contents:
    """A bundle before it is written: `members` in their order; `digest` names the whole."""

    document: Document
    digest: str
    members: Mapping[str, Content]

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return tarball.length({name: size_of(content) for name, content in self.members.items()})


def size_of(content: Content) -> int:
    """Bytes of a member."""
    return len(content) if isinstance(content, bytes) else content.size


def digest_of(content: bytes) -> str:
    """The digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def contents(
    release: str, fairlead: str, given: Sequence[Given], programs: Mapping[str, Path], survey: Survey, step: Step
) -> Contents:
    """All of a bundle. The order of what is given does not matter. Raises Invalid for images of several platforms."""
    given = sorted(given, key=lambda one: one.name)
    manifests = [archive.canonical(archive.manifest(one.image)) for one in given]
    entries = []
    for number, (one, manifest) in enumerate(zip(given, manifests, strict=True)):
        step.tell(f"licences of {one.name}", done=number, total=len(given))
        entries.append(_image_entry(one, digest_of(manifest), survey))
    files = {name: _whole_file(path) for name, path in sorted(programs.items())}
    document = Document(
        release=release,
        platform=_platform(given),
        fairlead=fairlead,
        size=_size(given),
        images=tuple(entries),
        programs=tuple(_program_entry(name, blob, survey) for name, blob in files.items()),
    )
    return _laid_out(document, manifests, given, files.values())


def _laid_out(
    document: Document, manifests: Sequence[bytes], given: Sequence[Given], programs: Iterable[Blob]
) -> Contents:
    content = document.content()
    artifact = documents.artifact(document, digest_of(content), len(content))
    index = documents.index(document, digest_of(artifact), len(artifact), list(map(len, manifests)))
    small: dict[str, Content] = {digest_of(one): one for one in (artifact, content, EMPTY, *manifests)}
    small |= {_oci(one.image.config): one.image.config for one in given}
    large: dict[str, Content] = {_oci(blob): blob for blob in (*_layers(given), *programs)}
    named: dict[str, Content] = {layout.LAYOUT: layout.LAYOUT_CONTENT, layout.INDEX: index}
    named |= {layout.blob_name(digest): one for digest, one in (large | small).items()}
    order = layout.order(small, large)
    return Contents(document, digest_of(artifact), {name: named[name] for name in order})


def _image_entry(given: Given, manifest: str, survey: Survey) -> ImageEntry:
    image = given.image
    return ImageEntry(
        name=given.name,
        references=image.names,
        manifest=manifest,
        id=_oci(image.config),
        size=image.config.size + sum(layer.size for layer in image.layers),
        project=project_of(given.name),
        parts=survey.of_image(image.layers),
    )


def _program_entry(name: str, blob: Blob, survey: Survey) -> ProgramEntry:
    with blob.path.open("rb") as stream:
        info = go_info.read(stream)
    parts = sorted(survey.of_go([info] if info else []), key=lambda one: (one.name, one.version))
    return ProgramEntry(
        name=name, digest=_oci(blob), size=blob.size, project=project_of(name), parts=tuple(dict.fromkeys(parts))
    )


def _platform(given: Iterable[Given]) -> str:
    found = set()
    for one in given:
        config = json.loads(_read(one.image.config))
        found.add(f"{config.get('os')}/{config.get('architecture')}")
    if len(found) != 1:
        told = ", ".join(sorted(found)) or "none"
        raise Invalid(f"A bundle is for one platform, and these images are for: {told}.", "Build them on one machine.")
    return found.pop()


def _size(given: Iterable[Given]) -> int:
    blobs = {blob.digest: blob.size for one in given for blob in (one.image.config, *one.image.layers)}
    return sum(blobs.values())


def _layers(given: Iterable[Given]) -> list[Blob]:
    return [layer for one in given for layer in one.image.layers]


def _whole_file(path: Path) -> Blob:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Blob(digest, path, path.stat().st_size)


def _read(blob: Blob) -> bytes:
    with blob.path.open("rb") as stream:
        stream.seek(blob.offset)
        return stream.read(blob.size)


def _oci(blob: Blob) -> str:
    return f"sha256:{blob.digest}"

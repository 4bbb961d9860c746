"""Image archives, written by ourselves so that the same content is the same bytes.

An archive is an OCI image layout that also has the manifest.json of `docker save`, as Docker 25 and newer write it:
every Engine loads it, and its manifest digest is known without a registry. Layers are uncompressed, because inside
a fleet gzip costs more than the network.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

EPOCH = 1767225600  # 2026-01-01T00:00:00Z: no file and no image of ours is younger
CREATED = datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
KEY_LABEL = "io.fairlead.image-key"
BLOBS = "blobs/sha256"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A piece of content, by digest: a file, or `size` bytes of one from `offset` on (as archives hold them)."""

    digest: str  # hexadecimal SHA-256
    path: Path
    size: int
    offset: int = 0

    def descriptor(self, media_type: str) -> dict[str, Any]:
        """What OCI documents say to refer to it."""
        return {"mediaType": media_type, "digest": f"sha256:{self.digest}", "size": self.size}


@dataclass(frozen=True)
class Image:
    """An image as blobs: configuration, layers from the lowest up, and its names."""

    config: Blob
    layers: tuple[Blob, ...]
    names: tuple[str, ...]


def add_blob(folder: Path, content: bytes) -> Blob:
    """Stores content under its digest."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / digest
    path.write_bytes(content)
    return Blob(digest, path, len(content))


def adopt_blob(folder: Path, path: Path) -> Blob:
    """Moves a file to the name of its digest."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Blob(digest, path.replace(folder / digest), (folder / digest).stat().st_size)


def canonical(document: Any) -> bytes:
    """JSON with one spelling."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def configuration(
    settings: Mapping[str, Any], layers: Sequence[Blob], architecture: str, made_by: str
) -> dict[str, Any]:
    """An image configuration with fixed times."""
    return {
        "architecture": architecture,
        "os": "linux",
        "created": CREATED,
        "config": dict(settings),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        "history": [{"created": CREATED, "created_by": made_by} for _ in layers],
    }


def write(images: Sequence[Image], out: Path) -> None:
    """Writes images into one archive; a layer that several have is in it once."""
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        write_into(images, tar)


def write_into(images: Sequence[Image], tar: tarfile.TarFile) -> None:
    """Writes images into an open archive, from front to back, so that it may be a pipe."""
    blobs: dict[str, tuple[int, Blob | bytes]] = {}
    manifests, entries = [], []
    for image in images:
        document = manifest(image)
        content = canonical(document)
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = (len(content), content)
        for blob in (image.config, *image.layers):
            blobs[blob.digest] = (blob.size, blob)
        manifests += [_named(digest, len(content), name) for name in image.names]
        entries.append(_docker_entry(image))
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
    # manifest.json first: reading an image's id must not mean reading its layers.
    _add(tar, "manifest.json", canonical(entries))
    _add(tar, "index.json", canonical(index))
    _add(tar, "oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
    for digest in sorted(blobs, key=lambda one: (blobs[one][0], one)):
        _add(tar, f"{BLOBS}/{digest}", blobs[digest][1])


def manifest(image: Image) -> dict[str, Any]:
    """The OCI manifest of an image."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": image.config.descriptor(CONFIG_TYPE),
        "layers": [layer.descriptor(LAYER_TYPE) for layer in image.layers],
    }


def image_ids(archive: Path) -> dict[str, str]:
    """Name → image id ("sha256:…", the digest of the configuration) of every image in an archive of ours."""
    ids = {}
    for entry in read_entries(archive):
        digest = entry["Config"].rpartition("/")[2].removesuffix(".json")
        ids.update(dict.fromkeys(entry["RepoTags"] or [], f"sha256:{digest}"))
    return ids


def layer_digests(archive: Path) -> set[str]:
    """The digests of all layers in an archive of ours; in one that Docker wrote the names mean nothing, so none."""
    names = [name for entry in read_entries(archive) for name in entry["Layers"]]
    return {name.rpartition("/")[2] for name in names if name.startswith(f"{BLOBS}/")}


def read_entries(archive: Path) -> list[dict[str, Any]]:
    """The manifest.json of an archive, ours or Docker's."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name == "manifest.json":
                entries: list[dict[str, Any]] = json.load(_stream(tar, member))
                return entries
    raise ValueError(f"{archive} has no manifest.json")


def unpack(archive: Path, folder: Path) -> list[Image]:
    """The images of an archive as blobs in a folder; layers come out uncompressed."""
    images = []
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar}
        entries = json.load(_stream(tar, members["manifest.json"]))
        for number, entry in enumerate(entries):
            config = add_blob(folder, _stream(tar, members[entry["Config"]]).read())
            layers = []
            for name in entry["Layers"]:
                path = folder / f"layer-{number}"
                _copy_plain(_stream(tar, members[name]), path)
                layers.append(adopt_blob(folder, path))
            images.append(Image(config, tuple(layers), tuple(entry["RepoTags"] or ())))
    return images


def in_place(archive: Path) -> list[Image]:
    """The images of an archive of ours without unpacking it; none if it is Docker's own, or has packed layers."""
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar}
        entries = json.load(_stream(tar, members["manifest.json"]))
        if not all(_plain(entry, json.load(_stream(tar, members[entry["Config"]]))) for entry in entries):
            return []
    blobs = {
        name: Blob(name.rpartition("/")[2], archive, member.size, member.offset_data)
        for name, member in members.items()
    }
    return [
        Image(blobs[entry["Config"]], tuple(blobs[name] for name in entry["Layers"]), tuple(entry["RepoTags"]))
        for entry in entries
    ]


def _plain(entry: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether an image's blobs go by their digests, and its layers are as the configuration knows them."""
    digests = [f"sha256:{name.removeprefix(f'{BLOBS}/')}" for name in entry["Layers"]]
    return bool(entry["Config"].startswith(f"{BLOBS}/") and digests == config["rootfs"]["diff_ids"])


def _copy_plain(source: IO[bytes], out: Path) -> None:
    head = source.read(2)
    source.seek(0)
    with out.open("wb") as target:
        shutil.copyfileobj(gzip.GzipFile(fileobj=source) if head == b"\x1f\x8b" else source, target, CHUNK)


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    if stream is None:
        raise ValueError(f"{member.name} is not a file in {tar.name!r}")
    return stream


def _named(digest: str, size: int, name: str) -> dict[str, Any]:
    annotations = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    return {
        "mediaType": MANIFEST_TYPE,
        "digest": f"sha256:{digest}",
        "size": size,
        "annotations": annotations,
    }


def _docker_entry(image: Image) -> dict[str, Any]:
    return {
        "Config": f"{BLOBS}/{image.config.digest}",
        "RepoTags": list(image.names),
        "Layers": [f"{BLOBS}/{layer.digest}" for layer in image.layers],
    }


def _add(tar: tarfile.TarFile, name: str, content: Blob | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime = EPOCH
    entry.mode = 0o644
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.size
    with content.path.open("rb") as stream:
        stream.seek(content.offset)
        tar.addfile(entry, stream)

"""The fleet's images: read from the store's own files at the start, changed here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import structlog

from fairlead_controller.images.blob_store import RESERVE, BlobStore
from fairlead_controller.images.layout import Layout
from fairlead_controller.images.manifests import Manifest, digest_of, fleet_image, parse
from fairlead_controller.images.tags import Tags
from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.cancelling import to_the_end
from fairlead_wire.errors import FairleadError, Invalid, Missing, Problem
from fairlead_wire.image_names import ImageName, image_name

_log = structlog.get_logger(__name__)

# How long a blob stays that no image needs: an upload that sent it, or was told that it is there, may still name one.
FRESH_SECONDS = 3600.0
SWEEP_SECONDS = 3600.0


class StoredImages:
    """Implements `ports.FleetImages` on a folder, which comes to be with the first blob.

    `now()`: seconds since 1970; `reserve`: bytes that stay free on the disk.
    """

    def __init__(self, folder: Path, now: Callable[[], float], reserve: int = RESERVE) -> None:
        self.folder = folder
        self._now = now
        layout = Layout(folder)
        self._blobs = BlobStore(layout, now, reserve)
        self._tags = Tags(layout)
        self._registry = ""
        self._images: Mapping[str, FleetImage] = MappingProxyType({})
        self._sizes: Mapping[str, int] = MappingProxyType({})
        self._calls: list[Callable[[], None]] = []
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Clears what an earlier controller left half-written, reads what there is. Raises FairleadError."""
        await self._blobs.run(self._blobs.clear)
        self._know(await self._blobs.run(self._read))

    async def close(self) -> None:
        await asyncio.to_thread(self._blobs.close)

    @property
    def registry(self) -> str:
        return self._registry

    def serve_at(self, registry: str) -> None:
        """Nodes reach the registry there from now on, "HOST:PORT"; nowhere if empty."""
        if registry != self._registry:
            self._registry = registry
            self._tell()

    @property
    def size(self) -> int:
        return sum(self._sizes.values())

    def all(self) -> Mapping[str, FleetImage]:
        return self._images

    def on_change(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def missing(self, digests: Iterable[str]) -> tuple[str, ...]:
        return self._blobs.missing(digests)

    async def add_blob(self, digest: str, size: int, data: AsyncIterator[bytes]) -> None:
        await self._blobs.add(digest, size, data)

    async def put(self, reference: str, manifest: bytes) -> FleetImage:
        name, parsed = image_name(reference), parse(manifest)
        known = self._images.get(str(name))
        if known is not None and known.digest == parsed.digest:
            return known
        image = fleet_image(str(name), parsed, self._now())

        def work() -> None:
            self._require(parsed)
            self._blobs.write(manifest, parsed.digest)
            self._tags.put(name, image)

        await self._change(work, lambda: {**self._images, image.reference: image})
        return image

    async def delete(self, reference: str) -> int:
        name = image_name(reference)
        gone: list[str] = []

        def work() -> None:
            if (image := self._images.get(str(name))) is None:
                raise Missing(f"The fleet's registry has no image {name}.", "See `fairlead images ls`.")
            self._tags.remove(name)
            gone.extend((image.digest, *image.blobs))

        await self._change(work, lambda: {key: one for key, one in self._images.items() if key != str(name)})
        return await self._sweep(gone)

    async def sweep(self) -> int:
        """Removes what no image needs and no upload may count on; the bytes that this freed. Raises FairleadError."""
        return await self._sweep(None)

    async def keep_swept(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Sweeps every hour; endless. What fails is told, and tried again an hour later."""
        while True:
            try:
                if freed := await self.sweep():
                    _log.info("images swept", bytes=freed)
            except FairleadError as error:
                _log.error("images can't be swept", error=error.message, next_step=error.next_step)
            await sleep(SWEEP_SECONDS)

    async def _sweep(self, among: Iterable[str] | None) -> int:
        before = self._now() - FRESH_SECONDS

        def work() -> int:
            self._tags.tidy(self._images.values())
            return self._blobs.sweep(self._sizes.keys(), before, among)

        async with self._changing:
            return await self._blobs.run(work)

    async def _change(self, work: Callable[[], None], then: Callable[[], Mapping[str, FleetImage]]) -> None:
        """Does `work` on the disk, then knows what `then` says; both or, if `work` raises, neither."""

        async def both() -> None:
            async with self._changing:
                await self._blobs.run(work)
                self._know(await self._blobs.run(self._sized, then()))
            self._tell()

        await to_the_end(both())

    def _require(self, manifest: Manifest) -> None:
        """Raises Missing, Invalid unless all its blobs are there, of the size that it says."""
        absent = self._blobs.missing(blob.digest for blob in manifest.blobs)
        if absent:
            raise Missing(
                f"{len(absent)} of the {len(manifest.blobs)} blobs of the image are not there, first {absent[0]}.",
                "Send them, then name the image again.",
            )
        sizes = {blob: self._blobs.size_of(blob.digest) for blob in manifest.blobs}
        wrong = [
            Problem("manifest", f"says {blob.size} bytes of {blob.digest}, which has {size}")
            for blob, size in sizes.items()
            if size != blob.size
        ]
        if wrong:
            raise Invalid("The manifest gives blobs a size that they don't have.", "Send the right manifest.", wrong)

    def _read(self) -> tuple[Mapping[str, FleetImage], Mapping[str, int]]:
        found: dict[str, FleetImage] = {}
        for name, digest, at in self._tags.all():
            try:
                found[str(name)] = self._image(name, digest, at)
            except (Missing, Invalid) as error:
                _log.error("an image is taken away: it is not whole", image=str(name), error=str(error))
        return self._sized(found)

    def _image(self, name: ImageName, digest: str, at: float) -> FleetImage:
        """What a name leads to, with all links that it needs. Raises Missing, Invalid if it is not whole."""
        if self._blobs.size_of(digest) is None:
            raise Missing(f"Its manifest {digest} is not there.", "Push it again.")
        manifest = self._blobs.read(digest)
        if digest_of(manifest) != digest:
            self._blobs.discard(digest)
            raise Invalid(f"Its manifest {digest} is corrupted.", "Push it again.")
        parsed = parse(manifest)
        for blob in parsed.blobs:
            if self._blobs.size_of(blob.digest) not in (None, blob.size):
                self._blobs.discard(blob.digest)
        self._require(parsed)
        image = fleet_image(str(name), parsed, at)
        self._tags.link(name, image)
        return image

    def _sized(self, images: Mapping[str, FleetImage]) -> tuple[Mapping[str, FleetImage], Mapping[str, int]]:
        """These images and the sizes of all blobs that they need, manifests too."""
        needed = {digest for image in images.values() for digest in (image.digest, *image.blobs)}
        known = dict(self._sizes)
        sizes = {digest: known.get(digest) or self._blobs.size_of(digest) or 0 for digest in needed}
        return images, sizes

    def _know(self, found: tuple[Mapping[str, FleetImage], Mapping[str, int]]) -> None:
        images, sizes = found
        self._images = MappingProxyType(dict(sorted(images.items())))
        self._sizes = MappingProxyType(dict(sizes))

    def _tell(self) -> None:
        for call in self._calls:
            call()

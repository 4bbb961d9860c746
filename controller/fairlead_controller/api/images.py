"""ImageService: what the fleet's registry has, and the one way in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fairlead.api.v1 import images_pb2
from fairlead_controller.api import audit
from fairlead_controller.api.messages import timestamp
from fairlead_controller.api.missing_images import MissingImages
from fairlead_controller.api.resource_names import NODES, resource_name
from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.errors import Invalid, Unreachable
from fairlead_wire.image_names import image_name

PIECE_BYTES = 256 * 1024
# As many as one upload asks for at once; a release has a hundred.
MOST_DIGESTS = 10_000
# A client that says nothing for so long is gone, or hangs; it holds room on the disk.
SILENT_SECONDS = 60.0
HEAD_FIRST = "Send digest and size first, then the bytes."


class ImageService(MissingImages):
    """What the registry has; `missing_images` answers what nodes lack of it."""

    async def ListFleetImages(
        self, request: images_pb2.ListFleetImagesRequest, context: Any
    ) -> images_pb2.ListFleetImagesResponse:
        images = self._parts.images
        found = [_message(images.all()[reference]) for reference in sorted(images.all())]
        return images_pb2.ListFleetImagesResponse(
            images=found, registry=images.registry, size_bytes=images.size, seeds=await self._seeds()
        )

    async def _seeds(self) -> list[images_pb2.ZoneSeed]:
        nodes = await self._parts.store.read(lambda repositories: repositories.nodes.all())
        names = {node.id: resource_name(NODES, node.name) for node in nodes}
        seeds = sorted(self._parts.sessions.zone_seeds().items())
        return [images_pb2.ZoneSeed(zone=zone, node=names.get(seed.node_id, ""), at=seed.at) for zone, seed in seeds]

    async def FindMissingBlobs(
        self, request: images_pb2.FindMissingBlobsRequest, context: Any
    ) -> images_pb2.FindMissingBlobsResponse:
        if len(request.digests) > MOST_DIGESTS:
            raise Invalid(f"{len(request.digests)} digests are too many.", f"Ask for at most {MOST_DIGESTS} at once.")
        missing = await asyncio.to_thread(self._parts.images.missing, list(request.digests))
        return images_pb2.FindMissingBlobsResponse(digests=missing)

    async def UploadBlob(
        self, requests: AsyncIterator[images_pb2.UploadBlobRequest], context: Any
    ) -> images_pb2.UploadBlobResponse:
        """Leaves no event: nobody sees what came until PutFleetImage names it, which does."""
        parts = aiter(requests)
        first = await _next(parts)
        if first is None or first.WhichOneof("part") != "head":
            raise Invalid("The first message of an upload says what will come.", HEAD_FIRST)
        await self._parts.images.add_blob(first.head.digest, first.head.size_bytes, _pieces(parts))
        return images_pb2.UploadBlobResponse()

    async def PutFleetImage(
        self, request: images_pb2.PutFleetImageRequest, context: Any
    ) -> images_pb2.PutFleetImageResponse:
        image = await self._parts.images.put(request.reference, request.manifest)
        await self._record("image-added", f"The image {image.reference} was put into the registry: {image.digest}.")
        return images_pb2.PutFleetImageResponse(image=_message(image))

    async def DeleteFleetImage(
        self, request: images_pb2.DeleteFleetImageRequest, context: Any
    ) -> images_pb2.DeleteFleetImageResponse:
        freed = await self._parts.images.delete(request.reference)
        await self._record("image-removed", f"The image {image_name(request.reference)} was taken from the registry.")
        return images_pb2.DeleteFleetImageResponse(freed_bytes=freed)

    async def _record(self, kind: str, said: str) -> None:
        at = self._parts.clock.now()
        await audit.change(self._parts, lambda repositories: audit.record(repositories, at, kind, said))


async def _pieces(parts: AsyncIterator[images_pb2.UploadBlobRequest]) -> AsyncIterator[bytes]:
    while (part := await _next(parts)) is not None:
        if part.WhichOneof("part") != "data":
            raise Invalid("A message in the middle of an upload has no bytes.", HEAD_FIRST)
        if len(part.data) > PIECE_BYTES:
            raise Invalid(f"A piece of {len(part.data)} bytes is too long.", f"Send at most {PIECE_BYTES} at once.")
        yield part.data


async def _next(parts: AsyncIterator[images_pb2.UploadBlobRequest]) -> images_pb2.UploadBlobRequest | None:
    """The next message, None at the end. Raises Unreachable if nothing comes any more."""
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            return await anext(parts, None)
    except TimeoutError:
        raise Unreachable(f"Nothing came for {SILENT_SECONDS:.0f} s.", "Send the blob again.") from None


def _message(image: FleetImage) -> images_pb2.FleetImage:
    return images_pb2.FleetImage(
        reference=image.reference,
        digest=image.digest,
        image_id=image.image_id,
        size_bytes=image.size,
        create_time=timestamp(image.put_at),
    )

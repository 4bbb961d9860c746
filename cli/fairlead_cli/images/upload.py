"""Sends images to the fleet's registry: only blobs that it lacks, then the names; called again, it goes on."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fairlead.api.v1 import images_pb2
from fairlead_cli.client import PATIENCE_SECONDS, Client
from fairlead_cli.docker.duplex import Duplex
from fairlead_cli.images.archive import Blob
from fairlead_cli.images.progress import Step
from fairlead_wire.backoff import delays
from fairlead_wire.errors import Unreachable
from fairlead_wire.image_names import image_name

T = TypeVar("T")

# What the controller takes in one message (images.proto).
PIECE_BYTES = 256 * 1024
# A piece that nobody takes for so long never will be taken.
SILENT_SECONDS = 60.0
# The controller flushes the whole blob to its disk before it answers.
FLUSH_SECONDS = 300.0
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Outgoing:
    """An image to be sent: the name that it shall have, its manifest, all blobs that this refers to."""

    reference: str
    manifest: bytes
    blobs: tuple[Blob, ...]

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


@dataclass(frozen=True)
class Uploaded:
    """`images`: as the registry has them now; `named`: references that are new or changed; `blobs`, `size`: how many
    blobs and bytes were sent; `registry`: where nodes get them, empty if the controller runs none."""

    images: tuple[images_pb2.FleetImage, ...]
    named: frozenset[str]
    blobs: int
    size: int
    registry: str


async def upload(client: Client, images: Sequence[Outgoing], step: Step) -> Uploaded:
    """Raises FairleadError; what was sent until then stays there and is not sent again."""
    known = await list_images(client)
    there = {image.reference: image for image in known.images}
    fresh = [image for image in images if not _is_there(image, there)]
    missing = await _missing(client, fresh)
    await _Sending(client, step, missing).all()
    named = [await _again(lambda image=image: _named(client, image)) for image in fresh]  # type: ignore[misc]
    there |= {image.reference: image for image in named}
    found = tuple(there[str(image_name(image.reference))] for image in images)
    size = sum(blob.size for blob in missing)
    return Uploaded(found, frozenset(image.reference for image in named), len(missing), size, known.registry)


async def list_images(client: Client) -> images_pb2.ListFleetImagesResponse:
    found: images_pb2.ListFleetImagesResponse = await client.call(
        client.images.ListFleetImages, images_pb2.ListFleetImagesRequest()
    )
    return found


def _is_there(image: Outgoing, there: dict[str, images_pb2.FleetImage]) -> bool:
    known = there.get(str(image_name(image.reference)))
    return known is not None and known.digest == image.digest


async def _missing(client: Client, images: Sequence[Outgoing]) -> list[Blob]:
    """The blobs that the registry lacks, each once, small ones first: what is wrong shows early."""
    blobs = {f"sha256:{blob.digest}": blob for image in images for blob in image.blobs}
    if not blobs:
        return []
    request = images_pb2.FindMissingBlobsRequest(digests=blobs)
    answer: Any = await client.call(client.images.FindMissingBlobs, request, FLUSH_SECONDS)
    return sorted((blobs[digest] for digest in answer.digests), key=lambda blob: blob.size)


async def _named(client: Client, image: Outgoing) -> images_pb2.FleetImage:
    request = images_pb2.PutFleetImageRequest(reference=image.reference, manifest=image.manifest)
    answer: Any = await client.call(client.images.PutFleetImage, request, FLUSH_SECONDS)
    found: images_pb2.FleetImage = answer.image
    return found


class _Sending:
    """Blobs on their way, one after the other: more at once are no faster on one connection."""

    def __init__(self, client: Client, step: Step, blobs: Sequence[Blob]) -> None:
        self._client = client
        self._step = step
        self._blobs = blobs
        self._total = sum(blob.size for blob in blobs)
        self._sent = 0

    async def all(self) -> None:
        for number, blob in enumerate(self._blobs, 1):
            before = self._sent

            async def one(blob: Blob = blob, number: int = number, before: int = before) -> None:
                self._sent = before
                await self._send(blob, f"blob {number} of {len(self._blobs)}")

            await _again(one)

    async def _send(self, blob: Blob, told: str) -> None:
        talk = Duplex(self._client, self._client.upload_blob())
        try:
            await self._write(talk, blob, told)
            async with asyncio.timeout(FLUSH_SECONDS):
                async for _ in talk.answers():
                    pass
        except TimeoutError:
            raise Unreachable("The controller takes nothing any more.", "Try again: what is there stays.") from None
        finally:
            talk.cancel()

    async def _write(self, talk: Duplex, blob: Blob, told: str) -> None:
        """All of it, or as much as the controller takes before it says its last word."""
        head = images_pb2.BlobHead(digest=f"sha256:{blob.digest}", size_bytes=blob.size)
        going = await _sent(talk, images_pb2.UploadBlobRequest(head=head))
        for piece in _pieces(blob):
            if not going:
                return
            going = await _sent(talk, images_pb2.UploadBlobRequest(data=piece))
            self._sent += len(piece)
            self._step.tell(f"sending {told}", self._sent // MEGABYTE, self._total // MEGABYTE)
        await talk.end()


async def _sent(talk: Duplex, message: images_pb2.UploadBlobRequest) -> bool:
    async with asyncio.timeout(SILENT_SECONDS):
        return await talk.send(message)


def _pieces(blob: Blob) -> Iterator[bytes]:
    with blob.path.open("rb") as stream:
        stream.seek(blob.offset)
        left = blob.size
        while left and (piece := stream.read(min(left, PIECE_BYTES))):
            yield piece
            left -= len(piece)


async def _again(work: Callable[[], Awaitable[T]], rest: Callable[[float], Awaitable[None]] = asyncio.sleep) -> T:
    """The result of `work`, which is tried again while the controller is away: it answered before."""
    waits, end = delays(random.random), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await work()
        except Unreachable:
            if time.monotonic() > end:
                raise
        await rest(next(waits))

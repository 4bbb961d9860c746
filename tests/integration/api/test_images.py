"""ImageService over real mutual TLS: what comes whole is there, what does not leaves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from fairlead.api.v1 import images_pb2, images_pb2_grpc
from fairlead_cli.docker.duplex import Duplex
from fairlead_testing.fleet_images import SmallImage, digest_of, small_image
from fairlead_testing.fleet_server import FleetServer
from fairlead_testing.served_controller import wait_until
from fairlead_wire.errors import FairleadError
from fairlead_wire.status import from_rpc_error

PIECE = 256 * 1024
SHOP = "docker.io/library/shop:1"


@pytest.fixture
def stub(admin: grpc.aio.Channel) -> Any:
    return images_pb2_grpc.ImageServiceStub(admin)


def head(digest: str, size: int) -> images_pb2.UploadBlobRequest:
    return images_pb2.UploadBlobRequest(head=images_pb2.BlobHead(digest=digest, size_bytes=size))


def data(content: bytes) -> images_pb2.UploadBlobRequest:
    return images_pb2.UploadBlobRequest(data=content)


class _Client:
    """What `Duplex` wants of one."""

    failure = staticmethod(from_rpc_error)


async def upload(channel: grpc.aio.Channel, *messages: images_pb2.UploadBlobRequest) -> None:
    """As the CLI does it: the controller may refuse while there is still something to send. Raises FairleadError."""
    method: Any = channel.stream_stream(
        "/fairlead.api.v1.ImageService/UploadBlob", images_pb2.UploadBlobRequest.SerializeToString
    )
    talk = Duplex(cast(Any, _Client), method(timeout=20))
    for message in messages:
        if not await talk.send(message):
            break
    else:
        await talk.end()
    async for _ in talk.answers():
        pass


async def give(channel: grpc.aio.Channel, image: SmallImage) -> None:
    for digest, content in image.blobs.items():
        await upload(channel, head(digest, len(content)), data(content))


async def put(stub: Any, reference: str, image: SmallImage) -> images_pb2.FleetImage:
    request = images_pb2.PutFleetImageRequest(reference=reference, manifest=image.manifest)
    answer = await stub.PutFleetImage(request, timeout=20)
    found: images_pb2.FleetImage = answer.image
    return found


async def listed(stub: Any) -> images_pb2.ListFleetImagesResponse:
    found: images_pb2.ListFleetImagesResponse = await stub.ListFleetImages(
        images_pb2.ListFleetImagesRequest(), timeout=20
    )
    return found


def left_over(server: FleetServer) -> list[Path]:
    return [path for path in server.images.folder.rglob("*") if path.is_file()]


async def test_an_image_goes_in_is_listed_and_goes_again(
    admin: grpc.aio.Channel, stub: Any, server: FleetServer
) -> None:
    image = small_image(b"one" * 200_000)
    request = images_pb2.FindMissingBlobsRequest(digests=image.blobs)
    assert list((await stub.FindMissingBlobs(request, timeout=20)).digests) == list(image.blobs)
    for digest, content in image.blobs.items():
        pieces = [data(content[at : at + PIECE]) for at in range(0, len(content), PIECE)]
        await upload(admin, head(digest, len(content)), *pieces)
    assert list((await stub.FindMissingBlobs(request, timeout=20)).digests) == []
    made = await put(stub, "shop:1", image)
    assert (made.reference, made.digest, made.image_id) == (SHOP, image.digest, next(iter(image.blobs)))
    found = await listed(stub)
    assert (list(found.images), found.registry) == ([made], "")
    assert found.size_bytes == image.size + len(image.manifest)
    await stub.DeleteFleetImage(images_pb2.DeleteFleetImageRequest(reference="shop:1"), timeout=20)
    assert list((await listed(stub)).images) == []
    said = {event.kind: (event.principal, event.message) for event in server.events()}
    assert said["image-added"] == ("anna", f"The image {SHOP} was put into the registry: {image.digest}.")
    assert said["image-removed"] == ("anna", f"The image {SHOP} was taken from the registry.")


RIGHT = b"right"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "first message of an upload"),
        ([data(RIGHT)], "first message of an upload"),
        ([images_pb2.UploadBlobRequest()], "first message of an upload"),
        ([head("right", 5), data(RIGHT)], "is no digest"),
        ([head(digest_of(RIGHT), 5)], "truncated: 0 of 5"),
        ([head(digest_of(RIGHT), 5), data(b"righ")], "truncated: 4 of 5"),
        ([head(digest_of(RIGHT), 5), data(b"wrong")], "corrupted"),
        ([head(digest_of(RIGHT), 5), data(RIGHT), data(b"!")], "more than the 5 bytes"),
        ([head(digest_of(RIGHT), 5), head(digest_of(RIGHT), 5)], "has no bytes"),
        ([head(digest_of(RIGHT), 2**20), data(bytes(PIECE + 1))], "too long"),
        ([head(digest_of(RIGHT), -(2**63)), data(RIGHT)], "can't have"),
    ],
)
async def test_a_wrong_upload_is_refused_and_leaves_nothing(
    admin: grpc.aio.Channel, server: FleetServer, messages: list[images_pb2.UploadBlobRequest], said: str
) -> None:
    with pytest.raises(FairleadError) as caught:
        await upload(admin, *messages)
    error = caught.value
    assert error.code == "INVALID_ARGUMENT"
    assert said in error.message
    assert error.next_step
    assert left_over(server) == []


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(stub: Any, server: FleetServer) -> None:
    content = bytes(2 * PIECE)
    call = stub.UploadBlob()
    await call.write(head(digest_of(content), len(content)))
    await call.write(data(content[:PIECE]))
    await asyncio.to_thread(wait_until, lambda: bool(left_over(server)))
    call.cancel()
    await asyncio.to_thread(wait_until, lambda: not left_over(server))
    assert server.images.missing([digest_of(content)])


async def refusal(call: Any) -> FairleadError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_name_without_its_blobs_or_with_garbage_is_refused(
    admin: grpc.aio.Channel, stub: Any, server: FleetServer
) -> None:
    image = small_image(b"one")
    missing = await refusal(put(stub, "shop", image))
    assert (missing.code, "are not there" in missing.message) == ("NOT_FOUND", True)
    await give(admin, image)
    garbage = await refusal(
        stub.PutFleetImage(images_pb2.PutFleetImageRequest(reference="shop", manifest=b"\0"), timeout=20)
    )
    assert (garbage.code, garbage.message) == ("INVALID_ARGUMENT", "The manifest is not JSON.")
    name = await refusal(put(stub, "../shop", image))
    assert (name.code, [problem.where for problem in name.problems]) == ("INVALID_ARGUMENT", ["reference"])
    assert list((await listed(stub)).images) == []
    assert server.events("image-added") == []


async def test_what_is_not_there_can_t_be_taken_away(stub: Any) -> None:
    error = await refusal(stub.DeleteFleetImage(images_pb2.DeleteFleetImageRequest(reference="shop"), timeout=20))
    assert (error.code, error.next_step) == ("NOT_FOUND", "See `fairlead images ls`.")


async def test_questions_are_bounded_and_checked(stub: Any) -> None:
    for digests, said in ((["x"], "is no digest"), ([digest_of(b"")] * 10_001, "too many")):
        error = await refusal(stub.FindMissingBlobs(images_pb2.FindMissingBlobsRequest(digests=digests), timeout=20))
        assert (error.code, said in error.message) == ("INVALID_ARGUMENT", True)

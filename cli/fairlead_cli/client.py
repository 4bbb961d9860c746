"""Calls to the controller: asyncio inside, plain functions outside, a deadline on everything."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

import grpc

from fairlead_cli import contexts
from fairlead_cli.contexts import Context
from fairlead_cli.render.words import span
from fairlead_wire.backoff import delays
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.errors import FairleadError, Invalid, Unreachable

# Reads take milliseconds; more than this means that nobody is there or that something hangs.
CALL_SECONDS = 10.0
# A plan of a thousand nodes takes a second or two.
PLAN_SECONDS = 60.0
# A controller is back within seconds after a restart; a machine within a minute or two.
PATIENCE_SECONDS = 120.0
NEW_CONTEXT = "Make a new one on the controller's machine with `fairlead-controller admin-cert`."

T = TypeVar("T")


class NoController(Unreachable):
    """Nobody answers at the context's endpoint."""


SERVICES = {
    "clusters": "clusters/ClusterService",
    "nodes": "nodes/NodeService",
    "tokens": "nodes/TokenService",
    "events": "events/EventService",
    "operations": "operations/OperationService",
    "fleet": "fleet/FleetService",
    "snapshots": "snapshots/SnapshotService",
    "relays": "relays/RelayService",
    "docker": "docker/DockerService",
    "images": "images/ImageService",
    "registries": "registries/RegistryService",
}
"""Attribute of a client → file and service of fairlead.api.v1."""


class Client:
    """The controller of one context. Methods of the stubs go through `call` and `stream`."""

    def __init__(self, context: Context, channel: grpc.aio.Channel) -> None:
        self.context = context
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        """The stub of a service of the table. A command pays for the import of those that it uses, and of no other."""
        if name not in SERVICES:
            raise AttributeError(name)
        file, _, service = SERVICES[name].partition("/")
        stub = getattr(import_module(f"fairlead.api.v1.{file}_pb2_grpc"), f"{service}Stub")(self._channel)
        setattr(self, name, stub)
        return stub

    @cached_property
    def upload_blob(self) -> Any:
        """UploadBlob as `docker.duplex` needs it: the controller may refuse a blob while it is still being sent."""
        from fairlead.api.v1 import images_pb2

        return self._channel.stream_stream(
            "/fairlead.api.v1.ImageService/UploadBlob",
            request_serializer=images_pb2.UploadBlobRequest.SerializeToString,
            response_deserializer=images_pb2.UploadBlobResponse.FromString,
        )

    async def call(self, method: Callable[..., Awaitable[T]], request: Any, timeout: float = CALL_SECONDS) -> T:
        """One answer. Raises FairleadError, Unreachable when nobody answers."""
        try:
            return await method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise self.failure(error) from None

    async def call_again(
        self,
        method: Callable[..., Awaitable[T]],
        request: Any,
        timeout: float = CALL_SECONDS,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> T:
        """As `call`, and once more whenever the controller ends in the middle: by its `request_id` it knows what it
        has done already. Where nobody answers from the start, that is told at once."""
        waits, end = delays(random.random), time.monotonic() + PATIENCE_SECONDS
        begun = False
        while True:
            try:
                return await method(request, timeout=timeout)
            except grpc.RpcError as error:
                failure = self.failure(error)
                begun = begun or not _never_connected(error)
                if not (begun and isinstance(failure, NoController)) or time.monotonic() > end:
                    raise failure from None
            await rest(next(waits))

    async def stream(self, method: Callable[..., Any], request: Any) -> AsyncGenerator[Any]:
        """Answers until the controller ends them; the connection's keep-alive notices when it is gone."""
        call = method(request)
        try:
            async for message in call:
                yield message
        except grpc.RpcError as error:
            raise self.failure(error) from None
        finally:
            call.cancel()

    async def following(
        self,
        method: Callable[..., Any],
        request: Any,
        advance: Callable[[Any, Any], None] = lambda request, answer: None,
    ) -> AsyncIterator[Any]:
        """As `stream`, through restarts of the controller; `advance` makes the request go on after an answer.

        Raises Unreachable when the controller stays away.
        """
        waits, heard = delays(random.random), time.monotonic()
        while True:
            try:
                async for answer in self.stream(method, request):
                    advance(request, answer)
                    waits, heard = delays(random.random), time.monotonic()
                    yield answer
                return
            except Unreachable:
                if time.monotonic() - heard > PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(next(waits))

    async def pages(self, method: Callable[..., Any], request: Any, field: str) -> list[Any]:
        """The entries of all pages of a list."""
        found: list[Any] = []
        while True:
            answer: Any = await self.call(method, request)
            found += getattr(answer, field)
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    def failure(self, error: grpc.RpcError) -> FairleadError:
        from fairlead_wire.status import from_rpc_error  # only needed for what goes wrong

        meant = from_rpc_error(error)
        # Without a next step no controller spoke: the sentence is gRPC's own.
        if isinstance(meant, Unreachable) and not meant.next_step:
            return unreachable(self.context, meant.message)
        return meant


@asynccontextmanager
async def connect(context: Context) -> AsyncIterator[Client]:
    """Raises Invalid for a context whose PEM texts are none."""
    credentials = Credentials(
        context.fleet_id, context.authority.encode(), context.certificate.encode(), context.key.encode()
    )
    try:
        channel = open_channel(context.endpoint, credentials)
    except (ValueError, TypeError) as error:
        raise Invalid(
            f"The context {context.name} can't be used: {error}.",
            NEW_CONTEXT,
        ) from None
    async with channel:
        yield Client(context, channel)


def run(context_name: str, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    """Runs `work` with a client of that context (the current one for "")."""
    context = contexts.find(context_name)

    async def connected() -> T:
        async with connect(context) as client:
            return await work(client)

    return asyncio.run(connected())


def _never_connected(error: Any) -> bool:
    """gRPC has no code of its own for this; these are the words of its core (client_channel, pick_first)."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in (error.details() or "").lower()


def unreachable(context: Context, reason: str) -> NoController:
    """The sentence for a controller that does not answer, or that does not take the context's certificate."""
    place = f"{context.endpoint} (context {context.name})"
    ended = time.time() - _end_of(context)
    if ended > 0:
        return NoController(f"Your certificate in context {context.name} ended {span(ended)} ago.", NEW_CONTEXT)
    if "handshake" in reason.lower() or "certificate" in reason.lower():
        return NoController(
            f"The server at {place} and this context do not accept each other's certificates.",
            "Check that the endpoint is this fleet's controller, with `fairlead context ls`.",
        )
    return NoController(
        f"No controller answers at {place}.",
        "Check that it runs and that nothing blocks the port, or choose another context with `fairlead context use`.",
    )


def _end_of(context: Context) -> float:
    """When the context's certificate ends, in seconds since 1970; infinite for what is none."""
    from cryptography import x509  # only needed for what goes wrong

    try:
        certificate = x509.load_pem_x509_certificate(context.certificate.encode())
    except ValueError:
        return math.inf
    return certificate.not_valid_after_utc.timestamp()

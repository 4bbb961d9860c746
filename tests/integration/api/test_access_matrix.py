"""Every method of every service and every role, over real mutual TLS; and those who are nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import events_pb2
from fairlead_controller.api.access import ROLES
from fairlead_controller.model.event import Event
from fairlead_testing.api_server import people, ready_node
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.identity import Role
from fairlead_wire.status import from_rpc_error

REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
# It would wait for ever for the first event after an empty request.
REQUESTS = {"/fairlead.api.v1.EventService/WatchEvents": events_pb2.WatchEventsRequest(after_id=1).SerializeToString()}


STREAMED = (
    "/Session",
    "/Relay",
    "/OpenRelay",
    "/ServerReflectionInfo",
    "/AttachContainer",
    "/ExecContainer",
    "/BuildImage",
)


async def answer(channel: grpc.aio.Channel, method: str, speaks: bool = True) -> grpc.StatusCode:
    """How the method answers one message, empty for most; a stream that says anything at all is OK.

    With `speaks` False nothing is said where that can be: who is refused at once can't be written to any more, and
    gRPC's client then reports its own failure to write.
    """
    message = REQUESTS.get(method, b"")
    call: Any
    if method.endswith(STREAMED):
        call = channel.stream_stream(method, bytes, bytes)(_one(message if speaks else None), timeout=10)
    else:
        call = channel.unary_stream(method, bytes, bytes)(message, timeout=10)
    try:
        async for _ in call:
            break
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        call.cancel()


async def _one(message: bytes | None) -> AsyncIterator[bytes]:
    if message is None:
        await asyncio.Event().wait()
    else:
        yield message


@pytest.fixture(autouse=True)
def _two_events(server: FleetServer) -> None:
    for _ in range(2):
        server.store.now(lambda repositories: repositories.events.append(Event("test", "Something."), 1.0))


async def _identity(server: FleetServer, role: Role) -> Credentials:
    return ready_node(server, "n1")[1] if role is Role.AGENT else server.authority.person("anna", role)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("method", sorted(ROLES))
async def test_each_method_lets_in_its_roles_and_no_others(server: FleetServer, method: str, role: Role) -> None:
    async with open_channel(server.fleet_endpoint, await _identity(server, role)) as channel:
        code = await answer(channel, method, role in ROLES[method])
    if role in ROLES[method]:
        # What lies behind is not asked here: an empty message may well be invalid.
        assert code not in (*REFUSED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL)
    else:
        assert code in REFUSED or (code is grpc.StatusCode.UNIMPLEMENTED and not ROLES[method])


@pytest.mark.parametrize("method", sorted(ROLES))
async def test_nothing_answers_without_a_certificate(server: FleetServer, method: str) -> None:
    nobody = Credentials(server.fleet_id, server.authority.record.certificate)
    async with open_channel(server.fleet_endpoint, nobody) as channel:
        assert await answer(channel, method, speaks=False) is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_another_authority_is_not_let_in(server: FleetServer) -> None:
    other = FleetAuthority(server.authority.now, "other").person("anna", Role.ADMIN)
    forged = Credentials(server.fleet_id, server.authority.record.certificate, other.chain, other.key)
    async with open_channel(server.fleet_endpoint, forged) as channel:
        assert await answer(channel, "/fairlead.api.v1.NodeService/ListNodes") is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("method", sorted(name for name, roles in ROLES.items() if Role.AGENT in roles))
@pytest.mark.parametrize("banish", [FleetServer.revoke, None])
async def test_a_revoked_or_unknown_node_is_nobody(
    server: FleetServer, method: str, banish: Callable[[FleetServer, str], None] | None
) -> None:
    if banish is None:
        identity = server.authority.node("never-enrolled")
    else:
        node, identity = ready_node(server, "n1")
        banish(server, node.id)
    async with open_channel(server.fleet_endpoint, identity) as channel:
        assert await answer(channel, method, speaks=False) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_refusal_tells_which_role_it_takes(server: FleetServer) -> None:
    async with people(server, Role.VIEWER) as channel:
        stub: Any = channel.unary_unary("/fairlead.api.v1.TokenService/CreateToken", bytes, bytes)
        with pytest.raises(grpc.RpcError) as caught:
            await stub(b"", timeout=10)
    error = from_rpc_error(caught.value)
    assert error.message == "anna has the role viewer, which may not call CreateToken."
    assert "the role admin" in error.next_step

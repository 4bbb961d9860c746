"""A byte stream from a client through the controller to the apiserver beside an agent, and back."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, relays_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.relays_pb2_grpc import RelayServiceStub
from fairlead_testing.api_server import obedient_agent, shouting_agent
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.errors import Invalid, Missing, Unreachable
from fairlead_wire.status import from_rpc_error

SPEC = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {name: lab}
spec: {kubernetes: v1.37.2}
"""


def target(cluster: str) -> relays_pb2.OpenRelayRequest:
    return relays_pb2.OpenRelayRequest(target=relays_pb2.RelayTarget(cluster=f"clusters/{cluster}"))


def data(content: bytes) -> relays_pb2.OpenRelayRequest:
    return relays_pb2.OpenRelayRequest(data=content)


@pytest.fixture
async def relays(admin: grpc.aio.Channel) -> Any:
    return RelayServiceStub(admin)


@pytest.fixture
async def agent(server: FleetServer, admin: grpc.aio.Channel) -> FakeAgent:
    """The agent of the control plane of cluster lab; its session is over."""
    source = clusters_pb2.ClusterSource(spec_yaml=SPEC)
    async with obedient_agent(server, "lab-1") as agent:
        await ClusterServiceStub(admin).ApplyCluster(clusters_pb2.ApplyClusterRequest(source=source))
        await server.event("operation-succeeded")
    return agent


async def test_bytes_go_both_ways_until_either_side_ends(server: FleetServer, agent: FakeAgent, relays: Any) -> None:
    async with shouting_agent(agent) as targets, asyncio.timeout(20):
        call = relays.OpenRelay()
        await call.write(target("lab"))
        assert (await call.read()).data == b""
        assert targets == ["apiserver"]
        for word in (b"hello", b"again"):
            await call.write(data(word))
            assert (await call.read()).data == word.upper()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
    event = server.events("relay-opened")[0]
    assert (event.principal, event.cluster, event.node) == ("anna", "lab", "lab-1")


@pytest.mark.usefixtures("agent")
async def test_no_relay_to_a_control_plane_that_is_away(server: FleetServer, relays: Any) -> None:
    error = await _refused(relays, target("lab"))
    assert isinstance(error, Unreachable)
    assert error.next_step == "See `fairlead node ls`, and try again once its agent is back."
    assert not server.events("relay-opened")


@pytest.mark.parametrize(("first", "kind"), [(target("none"), Missing), (data(b"x"), Invalid)])
async def test_a_relay_to_nowhere(relays: Any, first: relays_pb2.OpenRelayRequest, kind: type[Exception]) -> None:
    assert isinstance(await _refused(relays, first), kind)


async def _refused(relays: Any, first: relays_pb2.OpenRelayRequest) -> Exception:
    call = relays.OpenRelay()
    async with asyncio.timeout(20):
        await call.write(first)
        with pytest.raises(grpc.RpcError) as caught:
            await call.read()
    return from_rpc_error(caught.value)

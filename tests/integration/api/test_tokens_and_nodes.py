"""Tokens that people make and nodes that come of them, over real gRPC."""

from __future__ import annotations

import grpc
import pytest

from fairlead.api.v1 import nodes_pb2
from fairlead.api.v1.nodes_pb2_grpc import NodeServiceStub, TokenServiceStub
from fairlead_testing.api_server import IMAGE, obedient_agent, ready_node
from fairlead_testing.fake_agent import enrol
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.errors import Invalid, Missing
from fairlead_wire.facts import Facts
from fairlead_wire.identity import new_key
from fairlead_wire.status import from_rpc_error
from fairlead_wire.token import parse_token


async def test_a_token_lets_one_server_in_and_tells_which(server: FleetServer, admin: grpc.aio.Channel) -> None:
    tokens = TokenServiceStub(admin)
    made = await tokens.CreateToken(nodes_pb2.CreateTokenRequest(labels={"disk": "ssd"}, cluster="lab"))
    assert made.enrolment_endpoint == server.enrolment_endpoint
    assert made.image == IMAGE
    assert made.command.startswith(f"(umask 077; mkdir -p /var/lib/fairlead && echo '{made.secret}' >")
    assert made.command.endswith(f"{IMAGE} run --controller {server.enrolment_endpoint}")

    await enrol(server.enrolment_endpoint, made.secret, Facts("lab-1", docker_api="1.49"), new_key())

    listed = (await tokens.ListTokens(nodes_pb2.ListTokensRequest())).tokens
    assert [(token.name, token.node, token.creator) for token in listed] == [(made.token.name, "nodes/lab-1", "anna")]
    assert listed[0].HasField("use_time")
    node = (await NodeServiceStub(admin).GetNode(nodes_pb2.GetNodeRequest(name="nodes/lab-1"))).node
    assert (dict(node.labels), node.wanted_cluster, node.state) == (
        {"disk": "ssd"},
        "lab",
        nodes_pb2.NODE_STATE_UNREACHABLE,
    )


async def test_a_token_lasts_an_hour_unless_told_otherwise(server: FleetServer, admin: grpc.aio.Channel) -> None:
    tokens = TokenServiceStub(admin)
    for asked, lasts in ((0, 3600), (90, 90)):
        token = (await tokens.CreateToken(nodes_pb2.CreateTokenRequest(ttl_seconds=asked))).token
        assert token.expire_time.seconds - token.create_time.seconds == lasts


async def test_the_secret_of_a_token_is_nowhere_afterwards(server: FleetServer, admin: grpc.aio.Channel) -> None:
    tokens = TokenServiceStub(admin)
    secret = parse_token((await tokens.CreateToken(nodes_pb2.CreateTokenRequest())).secret).secret
    listed = await tokens.ListTokens(nodes_pb2.ListTokensRequest())
    assert secret not in str(listed)
    assert not any(secret in event.message for event in server.events())


async def test_a_revoked_token_is_useless_and_its_end_is_told(server: FleetServer, admin: grpc.aio.Channel) -> None:
    tokens = TokenServiceStub(admin)
    made = await tokens.CreateToken(nodes_pb2.CreateTokenRequest())
    for _ in range(2):  # revoking twice is revoking once
        await tokens.RevokeToken(nodes_pb2.RevokeTokenRequest(name=made.token.name))
    assert [event.principal for event in server.events("token-revoked")] == ["anna"]
    with pytest.raises(grpc.RpcError):
        await enrol(server.enrolment_endpoint, made.secret, Facts("lab-1"), new_key())
    listed = (await tokens.ListTokens(nodes_pb2.ListTokensRequest())).tokens[0]
    assert listed.expire_time.seconds < made.token.expire_time.seconds


async def test_making_a_token_is_in_the_event_log(server: FleetServer, admin: grpc.aio.Channel) -> None:
    await TokenServiceStub(admin).CreateToken(nodes_pb2.CreateTokenRequest(cluster="lab", labels={"zone": "a"}))
    event = await server.event("token-created")
    assert (event.principal, event.cluster) == ("anna", "lab")
    assert event.message.endswith("was made for cluster lab with zone=a.")


async def test_all_that_is_wrong_with_a_token_comes_at_once(admin: grpc.aio.Channel) -> None:
    request = nodes_pb2.CreateTokenRequest(labels={"a b": "c"}, cluster="Lab", ttl_seconds=-1)
    with pytest.raises(grpc.RpcError) as caught:
        await TokenServiceStub(admin).CreateToken(request)
    error = from_rpc_error(caught.value)
    assert isinstance(error, Invalid)
    assert [problem.where for problem in error.problems] == ["label a b", "cluster", "ttl"]


@pytest.mark.parametrize(("name", "kind"), [("tokens/none", Missing), ("none", Invalid), ("nodes/a", Invalid)])
async def test_revoking_what_is_not_there(admin: grpc.aio.Channel, name: str, kind: type[Exception]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await TokenServiceStub(admin).RevokeToken(nodes_pb2.RevokeTokenRequest(name=name))
    assert isinstance(from_rpc_error(caught.value), kind)


async def test_tokens_come_in_pages_newest_first(server: FleetServer, admin: grpc.aio.Channel) -> None:
    tokens, made = TokenServiceStub(admin), []
    for second in range(5):
        server.ahead = second
        made.append((await tokens.CreateToken(nodes_pb2.CreateTokenRequest())).token.name)
    found, request = [], nodes_pb2.ListTokensRequest(page_size=2)
    for size in (2, 2, 1):
        answer = await tokens.ListTokens(request)
        assert len(answer.tokens) == size
        found += [token.name for token in answer.tokens]
        request.page_token = answer.next_page_token
    assert found == made[::-1]
    assert not request.page_token


async def test_a_node_with_a_session_is_reachable(server: FleetServer, admin: grpc.aio.Channel) -> None:
    ready_node(server, "away")
    async with obedient_agent(server, "here"):
        listed = (await NodeServiceStub(admin).ListNodes(nodes_pb2.ListNodesRequest())).nodes
    states = {node.name: node.state for node in listed}
    assert states == {
        "nodes/away": nodes_pb2.NODE_STATE_UNREACHABLE,
        "nodes/here": nodes_pb2.NODE_STATE_REACHABLE,
    }
    assert next(node for node in listed if node.name == "nodes/here").HasField("last_seen_time")


async def test_orphans_of_a_node_are_named(server: FleetServer, admin: grpc.aio.Channel) -> None:
    async with obedient_agent(server, "one") as agent, agent.session() as session:
        await session.hello(agent.facts)
        await session.observe(Observation(Subject.ORPHAN, "fairlead-etcd"))
        await server.event("orphan-seen")
        node = (await NodeServiceStub(admin).GetNode(nodes_pb2.GetNodeRequest(name="nodes/one"))).node
    assert list(node.orphans) == ["fairlead-etcd"]


async def test_a_node_that_is_not_there(admin: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await NodeServiceStub(admin).GetNode(nodes_pb2.GetNodeRequest(name="nodes/none"))
    error = from_rpc_error(caught.value)
    assert (type(error), error.message, error.next_step) == (
        Missing,
        "There is no node 'none'.",
        "See `fairlead node ls`.",
    )

"""Enrolment over real TLS: who becomes a node, and who is told what to do instead."""

from __future__ import annotations

import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.agent.v1 import enrollment_pb2
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.fake_agent import FakeAgent, enrol
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.errors import FairleadError, Invalid, Refused
from fairlead_wire.facts import Facts
from fairlead_wire.identity import PrivateKey, Role, load_key, new_key, principal_of, request_der
from fairlead_wire.status import from_rpc_error

FACTS = Facts("node-1", machine_id="m", docker_version="26.1.5")


async def enrolled(
    server: FleetServer, token: object, facts: Facts = FACTS, key: PrivateKey | None = None
) -> FakeAgent:
    _, identity, endpoint = await enrol(server.enrolment_endpoint, str(token), facts, key or new_key())
    return FakeAgent(endpoint, identity, facts)


async def refusal(server: FleetServer, token: object, facts: Facts = FACTS) -> FairleadError:
    with pytest.raises(grpc.RpcError) as caught:
        await enrolled(server, token, facts)
    return from_rpc_error(caught.value)


async def test_a_good_token_makes_a_node_whose_certificate_opens_a_session() -> None:
    async with running() as server:
        agent = await enrolled(server, server.token("lab", {"disk": "ssd"}))
        async with agent.session() as session:
            welcome = await session.hello(agent.facts)
        [node] = server.store.now(lambda repositories: repositories.nodes.all())
    assert (node.name, node.labels, node.wanted_cluster) == ("node-1", (("disk", "ssd"),), "lab")
    assert node.address == "127.0.0.1", "where it came from, since it named no address"
    principal = principal_of(x509.load_pem_x509_certificate(agent.credentials.chain))
    assert principal is not None
    assert (principal.name, principal.role) == (node.id, Role.AGENT)
    assert welcome.node_id == node.id


async def test_the_event_log_says_which_token_made_which_node() -> None:
    async with running() as server:
        token = server.token()
        await enrolled(server, token)
        used, joined = await server.event("token-used"), await server.event("node-enrolled")
    assert joined.cause_id == used.id
    assert joined.node == "node-1"
    assert token.secret not in used.message


async def test_an_expired_token_is_refused_with_what_to_do() -> None:
    async with running() as server:
        error = await refusal(server, server.token(lasts=-1))
    assert isinstance(error, Refused)
    assert "expired" in error.message
    assert "fairlead token create" in error.next_step


async def test_a_token_works_once() -> None:
    async with running() as server:
        token = server.token()
        await enrolled(server, token)
        error = await refusal(server, token, Facts("node-2"))
        names = [node.name for node in server.store.now(lambda repositories: repositories.nodes.all())]
    assert isinstance(error, Refused)
    assert "has been used" in error.message
    assert names == ["node-1"]


async def test_a_revoked_token_is_refused() -> None:
    async with running() as server:
        token = server.token()
        [record] = server.store.now(lambda repositories: repositories.tokens.all())
        server.store.now(lambda repositories: repositories.tokens.revoke(record.id, server.clock.now()))
        error = await refusal(server, token)
    assert "was revoked" in error.message


async def test_a_truncated_token_is_refused_before_anything_is_sent() -> None:
    async with running() as server:
        with pytest.raises(Invalid, match="truncated"):
            await enrolled(server, str(server.token())[:-3])
        assert server.calls.methods == []


async def test_nothing_is_sent_to_the_wrong_controller() -> None:
    async with running() as right, running(FleetServer(authority=FleetAuthority(time.time(), "0ther"))) as wrong:
        with pytest.raises(Refused, match="not the controller that made this join token"):
            await enrolled(wrong, right.token())
        assert wrong.calls.methods == []


async def test_the_same_key_gets_the_same_node_again_when_the_answer_was_lost() -> None:
    async with running() as server:
        token, key = server.token(), new_key()
        first = await enrolled(server, token, key=key)
        again = await enrolled(server, token, key=key)
        nodes = server.store.now(lambda repositories: repositories.nodes.all())
    assert len(nodes) == 1
    assert first.credentials.chain != again.credentials.chain, "a fresh certificate"
    assert serial(first) != serial(again)


def serial(agent: FakeAgent) -> int:
    return x509.load_pem_x509_certificate(agent.credentials.chain).serial_number


async def test_a_name_that_another_key_holds_is_refused_and_the_token_stays_good() -> None:
    async with running() as server:
        await enrolled(server, server.token())
        token = server.token()
        error = await refusal(server, token)
        await enrolled(server, token, Facts("node-2"))
    assert "enrolled already, with another key" in error.message
    assert "hostnamectl" in error.next_step


@pytest.mark.parametrize("hostname", ["", "Web-1", "under_score", "-dash", "a." + "b" * 64, "x" * 254, "a..b"])
async def test_a_host_name_that_no_node_can_have_is_refused(hostname: str) -> None:
    async with running() as server:
        error = await refusal(server, server.token(), Facts(hostname))
    assert isinstance(error, Invalid)
    assert "RFC 1123" in error.message


async def test_rubbish_in_place_of_a_request_is_refused() -> None:
    async with running() as server, open_channel(server.enrolment_endpoint, anonymous(server)) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            await EnrollmentServiceStub(channel).Enroll(
                enrollment_pb2.EnrollRequest(token_secret=server.token().secret, csr=b"rubbish")
            )
    assert isinstance(from_rpc_error(caught.value), Invalid)


def anonymous(server: FleetServer) -> Credentials:
    return Credentials(server.fleet_id, server.authority.record.certificate)


async def renewed(server: FleetServer, certificate: bytes, key: PrivateKey, proof_by: PrivateKey) -> str:
    """What RenewExpired answers to a proof by `proof_by`, for the key `key`."""
    request = request_der(key)
    async with open_channel(server.enrolment_endpoint, anonymous(server)) as channel:
        answer = await EnrollmentServiceStub(channel).RenewExpired(
            enrollment_pb2.RenewExpiredRequest(
                certificate=certificate.decode(), csr=request, proof=proof_by.sign(request, ec.ECDSA(hashes.SHA256()))
            )
        )
    return answer.certificate_chain


async def test_an_ended_certificate_is_renewed_by_proof_of_its_key_and_the_new_one_works() -> None:
    async with running() as server:
        agent = await enrolled(server, server.token())
        old, new = load_key(agent.credentials.key), new_key()
        chain = await renewed(server, agent.credentials.chain, new, old)
        [node] = server.store.now(lambda repositories: repositories.nodes.all())
        renewed_node = x509.load_pem_x509_certificate(chain.encode())
    assert principal_of(renewed_node) == principal_of(x509.load_pem_x509_certificate(agent.credentials.chain))
    assert node.certificate_ends == renewed_node.not_valid_after_utc.timestamp()


async def test_without_the_old_key_nothing_is_renewed() -> None:
    async with running() as server:
        agent = await enrolled(server, server.token())
        thief = new_key()
        with pytest.raises(grpc.RpcError) as caught:
            await renewed(server, agent.credentials.chain, thief, thief)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_revoked_node_renews_nothing() -> None:
    async with running() as server:
        agent = await enrolled(server, server.token())
        [node] = server.store.now(lambda repositories: repositories.nodes.all())
        server.revoke(node.id)
        key = load_key(agent.credentials.key)
        with pytest.raises(grpc.RpcError) as caught:
            await renewed(server, agent.credentials.chain, key, key)
    assert "revoked" in from_rpc_error(caught.value).message


async def test_a_renewal_whose_answer_was_lost_is_answered_again_and_to_no_other_key() -> None:
    async with running() as server:
        agent = await enrolled(server, server.token())
        old, new, thief = load_key(agent.credentials.key), new_key(), new_key()
        await renewed(server, agent.credentials.chain, new, old)
        chain = await renewed(server, agent.credentials.chain, new, old)
        with pytest.raises(grpc.RpcError) as caught:
            await renewed(server, agent.credentials.chain, thief, old)
        [node] = server.store.now(lambda repositories: repositories.nodes.all())
    leaf = x509.load_pem_x509_certificate(chain.encode())
    assert leaf.public_key() == new.public_key()
    assert node.certificate_ends == leaf.not_valid_after_utc.timestamp()
    assert "has not the key that node node-1 holds now" in from_rpc_error(caught.value).message

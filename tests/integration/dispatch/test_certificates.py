"""Signing for agents: exactly what was planned, for exactly the node that it was planned for."""

from __future__ import annotations

import grpc
import pytest
from cryptography import x509

from fairlead.agent.v1 import session_pb2
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceStub
from fairlead_controller.pki.cluster import ensure_authorities
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.assignment import Assignment, CertificateSpec
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.errors import Denied, Invalid
from fairlead_wire.facts import Facts
from fairlead_wire.identity import new_key, principal_of
from fairlead_wire.status import from_rpc_error

PATH = "/etc/kubernetes/pki/apiserver.crt"
PLANNED = CertificateSpec(PATH, "cluster", "kube-apiserver", "", ("kubernetes",), ("10.96.0.1",), server=True, days=365)


def agent_with_plan(server: FleetServer) -> tuple[str, FakeAgent]:
    node, credentials = server.node("node-1")
    server.store.now(lambda repositories: ensure_authorities(repositories, "lab", server.clock))
    server.assign(node.id, Assignment("lab", "node-1", 1, certificates=(PLANNED,)))
    return node.id, FakeAgent(server.fleet_endpoint, credentials, Facts("node-1"))


async def test_what_was_planned_is_signed_exactly_so() -> None:
    async with running() as server:
        _, agent = agent_with_plan(server)
        [issued] = (await agent.issue("lab", PATH)).certificates
        authority = server.store.now(lambda repositories: repositories.authorities.get("lab", "cluster"))
        event = await server.event("certificates-issued")
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    assert authority is not None
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    assert "CN=kube-apiserver" in certificate.subject.rfc4514_string()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes"]
    assert issued.path == PATH
    assert event.message == "1 certificate signed for node-1."


@pytest.mark.parametrize(
    ("cluster", "path"),
    [("lab", "/etc/kubernetes/pki/other.crt"), ("other", PATH), ("", PATH)],
)
async def test_what_was_not_planned_for_this_node_is_refused(cluster: str, path: str) -> None:
    async with running() as server:
        _, agent = agent_with_plan(server)
        with pytest.raises(grpc.RpcError) as caught:
            await agent.issue(cluster, PATH, path) if cluster == "lab" else await agent.issue(cluster, path)
        assert server.events("certificates-issued") == []
    assert isinstance(from_rpc_error(caught.value), Denied)


async def test_another_nodes_plan_does_not_count() -> None:
    async with running() as server:
        agent_with_plan(server)
        _, credentials = server.node("node-2")
        with pytest.raises(grpc.RpcError) as caught:
            await FakeAgent(server.fleet_endpoint, credentials, Facts("node-2")).issue("lab", PATH)
    assert isinstance(from_rpc_error(caught.value), Denied)


async def test_a_bad_request_is_refused() -> None:
    async with running() as server:
        _, agent = agent_with_plan(server)
        async with open_channel(agent.endpoint, agent.credentials) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                await CertificateServiceStub(channel).IssueCertificates(
                    session_pb2.IssueCertificatesRequest(
                        cluster="lab", requests=[session_pb2.CertificateRequest(path=PATH, csr=b"rubbish")]
                    )
                )
    assert isinstance(from_rpc_error(caught.value), Invalid)


async def test_an_agent_renews_its_own_certificate_with_a_new_key() -> None:
    async with running() as server:
        node_id, agent = agent_with_plan(server)
        key = new_key()
        chain = (await agent.renew(key)).certificate_chain.encode()
        certificate = x509.load_pem_x509_certificate(chain)
        principal = principal_of(certificate)
        node = server.store.now(lambda repositories: repositories.nodes.get(node_id))
    assert principal is not None
    assert principal.name == node_id
    assert certificate.public_key() == key.public_key()
    assert node is not None
    assert node.certificate_ends == certificate.not_valid_after_utc.timestamp()


async def test_without_a_certificate_the_fleet_listener_answers_nothing() -> None:
    async with running() as server:
        anonymous = Credentials(server.fleet_id, server.authority.record.certificate)
        async with open_channel(server.fleet_endpoint, anonymous) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                await CertificateServiceStub(channel).Renew(session_pb2.RenewRequest(), timeout=2)
        assert server.calls.methods == []
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

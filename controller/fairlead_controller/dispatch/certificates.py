"""Signs for agents: exactly the certificates that the node's newest assignment plans, and the agent's own."""

from __future__ import annotations

from typing import Any

from fairlead.agent.v1 import session_pb2 as pb
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceServicer
from fairlead_controller.dispatch.enrolment import renew
from fairlead_controller.dispatch.principal import node_from_context
from fairlead_controller.dispatch.seeds import SeedBook
from fairlead_controller.feed import Feed
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import FLEET
from fairlead_controller.model.node import Node
from fairlead_controller.pki.authority import seed_certificate
from fairlead_controller.pki.cluster import sign_planned
from fairlead_controller.pki.signing import Stamp
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.errors import Denied, Invalid, Refused

# A control plane has about 15 certificates.
MOST_REQUESTS = 100


class CertificateService(CertificateServiceServicer):
    def __init__(self, store: Store, feed: Feed, clock: Clock, seeds: SeedBook) -> None:
        self._store, self._feed, self._clock, self._seeds = store, feed, clock, seeds

    async def IssueCertificates(
        self, request: pb.IssueCertificatesRequest, context: Any
    ) -> pb.IssueCertificatesResponse:
        """Raises Denied for a path that the node's plan lacks, Invalid for a bad request."""
        node = await node_from_context(context, self._store)
        if len(request.requests) > MOST_REQUESTS:
            raise Invalid(f"{len(request.requests)} certificates were asked for at once.", f"Ask for {MOST_REQUESTS}.")
        issued = await self._store.write(lambda repositories: self._issue(repositories, node, request))
        self._feed.publish("events")
        return pb.IssueCertificatesResponse(certificates=issued)

    async def Renew(self, request: pb.RenewRequest, context: Any) -> pb.RenewResponse:
        node, stamp = await node_from_context(context, self._store), Stamp.of(self._clock)
        chain = await self._store.write(lambda repositories: renew(repositories, node, request.csr, stamp))
        self._feed.publish("events")
        return pb.RenewResponse(certificate_chain=chain.decode())

    async def IssueSeedCertificate(
        self, request: pb.IssueSeedCertificateRequest, context: Any
    ) -> pb.IssueSeedCertificateResponse:
        """Raises Refused for a node that is not its zone's seed now, Invalid for a bad request."""
        node, stamp = await node_from_context(context, self._store), Stamp.of(self._clock)
        if not self._seeds.is_seed(node):
            raise Refused(f"{node.name} is not the seed of its zone.", "Ask for it after the controller has said so.")
        authority = await self._store.read(lambda repositories: repositories.authorities.get(FLEET, FLEET))
        assert authority is not None  # it signed what this agent came with
        chain = seed_certificate(authority, node.id, node.address, request.csr, stamp)
        event = Event("certificates-issued", f"1 certificate signed for the seed {node.name}.", "", node.name)
        await self._store.write(lambda repositories: repositories.events.append(event, self._clock.now()))
        self._feed.publish("events")
        return pb.IssueSeedCertificateResponse(certificate_chain=chain.decode())

    def _issue(
        self, repositories: Repositories, node: Node, request: pb.IssueCertificatesRequest
    ) -> list[pb.IssuedCertificate]:
        assignment = repositories.assignments.get(node.id)
        planned = {spec.path: spec for spec in assignment.certificates if assignment.cluster == request.cluster}
        issued = []
        for wanted in request.requests:
            if (spec := planned.get(wanted.path)) is None:
                raise _unplanned(node, request.cluster, wanted.path)
            stamp = Stamp.of(self._clock)
            signed = sign_planned(repositories, request.cluster, spec, wanted.csr, stamp)
            issued.append(pb.IssuedCertificate(path=wanted.path, certificate=signed.decode()))
        count = f"{len(issued)} certificate{'' if len(issued) == 1 else 's'}"
        event = Event("certificates-issued", f"{count} signed for {node.name}.", request.cluster, node.name)
        repositories.events.append(event, self._clock.now())
        return issued


def _unplanned(node: Node, cluster: str, path: str) -> Denied:
    return Denied(
        f"The plan of {node.name} has no certificate {path[:200]!r} for cluster {cluster[:80]!r}.",
        "Ask for it after the newest assignment has arrived.",
    )

"""The enrolment listener's service: the only place that answers who has no certificate yet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.agent.v1 import enrollment_pb2 as pb
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceServicer
from fairlead_controller.dispatch.admission import FROM_ANEW, Applicant, admit
from fairlead_controller.dispatch.principal import peer_address
from fairlead_controller.feed import Feed
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import FLEET, AuthorityRecord, FleetRecord
from fairlead_controller.model.node import Node
from fairlead_controller.pki.authority import is_issued_by, node_certificate
from fairlead_controller.pki.requests import public_key_of
from fairlead_controller.pki.signing import PublicKey, Stamp, ends_at
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.codec import from_message
from fairlead_wire.errors import Denied, Invalid, Unreachable
from fairlead_wire.facts import Facts
from fairlead_wire.identity import Role, principal_of

NODE_ID_BYTES = 8


@dataclass(frozen=True)
class Issuer:
    """The fleet and its authority, as every certificate needs them."""

    fleet: FleetRecord
    authority: AuthorityRecord

    @staticmethod
    def of(repositories: Repositories) -> Issuer:
        """Raises Unreachable before `fairlead-controller init`."""
        fleet, authority = repositories.fleets.get(), repositories.authorities.get(FLEET, FLEET)
        if fleet is None or authority is None:
            raise Unreachable("This controller has no fleet yet.", "Run `fairlead-controller init` on its machine.")
        return Issuer(fleet, authority)


class Enrolment(EnrollmentServiceServicer):
    """Turns join tokens into identities."""

    def __init__(self, store: Store, feed: Feed, clock: Clock) -> None:
        self._store, self._feed, self._clock = store, feed, clock

    async def Enroll(self, request: pb.EnrollRequest, context: Any) -> pb.EnrollResponse:
        """Raises what `admit` raises, and Invalid for a bad request for a certificate."""
        key_digest = digest_of(public_key_of(request.csr))
        facts = with_address(from_message(request.facts, Facts), peer_address(context))
        stamp = Stamp.of(self._clock)
        node_id = self._clock.random_bytes(NODE_ID_BYTES).hex()

        def work(repositories: Repositories) -> tuple[Issuer, Node, bytes]:
            issuer = Issuer.of(repositories)
            applicant = Applicant(request.token_secret, facts, key_digest, node_id)
            node = admit(repositories, applicant, stamp.now)
            chain = node_certificate(issuer.authority, node.id, request.csr, stamp)
            node = replace(node, certificate_ends=ends_at(chain))
            repositories.nodes.put(node)
            return issuer, node, chain

        issuer, node, chain = await self._store.write(work)
        self._feed.publish("events")
        return pb.EnrollResponse(
            node_id=node.id,
            certificate_chain=chain.decode(),
            fleet_id=issuer.fleet.id,
            fleet_endpoint=issuer.fleet.fleet_endpoint,
        )

    async def RenewExpired(self, request: pb.RenewExpiredRequest, context: Any) -> pb.RenewExpiredResponse:
        """Raises Denied for every way of not being who the certificate names; Invalid for what can't be read."""
        certificate = _readable(request.certificate)
        stamp = Stamp.of(self._clock)
        chain = await self._store.write(lambda repositories: _renewed(repositories, certificate, request, stamp))
        self._feed.publish("events")
        return pb.RenewExpiredResponse(certificate_chain=chain.decode())


def renew(repositories: Repositories, node: Node, request: bytes, stamp: Stamp) -> bytes:
    """A fresh chain for a node, whose key is from now on the one in the request."""
    chain = node_certificate(Issuer.of(repositories).authority, node.id, request, stamp)
    key_digest = digest_of(public_key_of(request))
    repositories.nodes.put(replace(node, key_digest=key_digest, certificate_ends=ends_at(chain)))
    repositories.events.append(
        Event("node-certificate-renewed", f"The certificate of {node.name} was renewed.", node=node.name), stamp.now
    )
    return chain


def digest_of(key: PublicKey) -> str:
    """SHA-256 of a public key's SubjectPublicKeyInfo, hexadecimal, as `Node.key_digest` has it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def with_address(facts: Facts, source: str) -> Facts:
    """An agent that names no address is reached where it came from."""
    return facts if facts.address else replace(facts, address=source)


def _readable(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, x509.InvalidVersion):
        raise Invalid("The ended certificate can't be read.", FROM_ANEW) from None


def _renewed(
    repositories: Repositories, certificate: x509.Certificate, request: pb.RenewExpiredRequest, stamp: Stamp
) -> bytes:
    principal, key = principal_of(certificate), certificate.public_key()
    if not is_issued_by(Issuer.of(repositories).authority, certificate) or principal is None:
        raise Denied("The ended certificate is not of this fleet.", FROM_ANEW)
    node = repositories.nodes.get(principal.name) if principal.role is Role.AGENT else None
    if node is None or node.revoked:
        raise Denied("The node of the ended certificate is revoked or unknown.", FROM_ANEW)
    # By the second, this very renewal was done once, and its answer was lost on the way or before it was kept.
    if not isinstance(key, ec.EllipticCurvePublicKey) or node.key_digest not in (
        digest_of(key),
        digest_of(public_key_of(request.csr)),
    ):
        raise Denied(f"The ended certificate has not the key that node {node.name} holds now.", FROM_ANEW)
    if not _proven(key, request.proof, request.csr):
        raise Denied("The proof is not by the key of the ended certificate.", FROM_ANEW)
    return renew(repositories, node, request.csr, stamp)


def _proven(key: ec.EllipticCurvePublicKey, proof: bytes, message: bytes) -> bool:
    try:
        key.verify(proof, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True

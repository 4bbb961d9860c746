"""The fleet's authority, and what it signs: nodes, the controller itself, people."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead_controller.model.fleet import FLEET, AuthorityRecord
from fairlead_controller.pki.requests import public_key_of
from fairlead_controller.pki.signing import Profile, PublicKey, Stamp, new_authority, sign
from fairlead_wire.channels import server_name
from fairlead_wire.identity import Principal, Role, seed_name

NODE_DAYS = 30
SERVER_DAYS = 365


def new_fleet_authority(fleet_id: str, stamp: Stamp) -> AuthorityRecord:
    """The authority that the whole fleet trusts and no other."""
    return new_authority(FLEET, FLEET, f"Fairlead fleet {fleet_id}", stamp)


def node_certificate(authority: AuthorityRecord, node_id: str, request: bytes, stamp: Stamp) -> bytes:
    """A node's certificate followed by the authority's, PEM, for 30 days. Raises Invalid for a bad request (DER)."""
    profile = Profile(node_id, Role.AGENT.value, client=True, days=NODE_DAYS)
    return chain(authority, public_key_of(request), profile, stamp)


def person_certificate(
    authority: AuthorityRecord, principal: Principal, public_key: PublicKey, days: int, stamp: Stamp
) -> bytes:
    """The certificate of a person or program followed by the authority's, PEM."""
    profile = Profile(principal.name, principal.role.value, client=True, days=days)
    return chain(authority, public_key, profile, stamp)


def server_certificate(
    authority: AuthorityRecord, fleet_id: str, public_key: ec.EllipticCurvePublicKey, stamp: Stamp
) -> bytes:
    """The controller's own certificate followed by the authority's, PEM: agents look for the digest in this chain."""
    name = server_name(fleet_id)
    return chain(authority, public_key, Profile(name, dns_names=(name,), server=True, days=SERVER_DAYS), stamp)


def registry_certificate(
    authority: AuthorityRecord, fleet_id: str, host: str, public_key: ec.EllipticCurvePublicKey, stamp: Stamp
) -> bytes:
    """That of the registry beside the controller, PEM. Docker compares `host`, by which nodes reach it, with its names.

    Raises Invalid for a host that is neither a name nor an address.
    """
    names, addresses = ((), (host,)) if _is_address(host) else ((host,), ())
    profile = Profile(f"registry.{fleet_id}", "", names, addresses, server=True, days=SERVER_DAYS)
    return chain(authority, public_key, profile, stamp)


def seed_certificate(authority: AuthorityRecord, node_id: str, address: str, request: bytes, stamp: Stamp) -> bytes:
    """What a zone's seed serves with at its node's address, PEM. It is nobody's identity: no role, no client.

    Raises Invalid for a bad request (DER).
    """
    profile = Profile(seed_name(node_id), "", ip_addresses=(address,), server=True, days=SERVER_DAYS)
    return chain(authority, public_key_of(request), profile, stamp)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def chain(authority: AuthorityRecord, public_key: PublicKey, profile: Profile, stamp: Stamp) -> bytes:
    """Leaf first, the authority last, PEM."""
    return sign(authority, public_key, profile, stamp) + authority.certificate


def is_issued_by(authority: AuthorityRecord, certificate: x509.Certificate) -> bool:
    """Whether the authority signed it, at whatever time: its end is for the caller to judge."""
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True

"""Keys, requests and what a fleet certificate says: principal = common name, role = organisation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey


class Role(StrEnum):
    """Who calls. VIEWER < OPERATOR < ADMIN for people and programs; AGENT is a world of its own."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    AGENT = "agent"


@dataclass(frozen=True)
class Principal:
    """A name (for agents the node's identifier) and a role, taken from a verified certificate."""

    name: str
    role: Role


def seed_name(node_id: str) -> str:
    """The common name of what the seed on a node serves with."""
    return f"seed.{node_id}"


def new_key() -> PrivateKey:
    """A P-256 key: 55,000 a second where RSA-2048 makes 23."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_key(pem: bytes) -> PrivateKey:
    """Raises ValueError if `pem` is not an unencrypted EC private key."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an EC private key")
    return key


def request_der(key: PrivateKey, common_name: str = "fairlead") -> bytes:
    """A PKCS #10 request, DER. The signer takes only the public key from it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def public_key_digest(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo, 32 bytes: stays equal when the certificate is reissued for its key."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(info).digest()


def principal_of(certificate: x509.Certificate) -> Principal | None:
    """The principal of a fleet certificate, None if it has no known role."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if len(names) != 1 or len(organizations) != 1 or organizations[0].value not in set(Role):
        return None
    return Principal(str(names[0].value), Role(str(organizations[0].value)))

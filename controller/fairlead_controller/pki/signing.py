"""Building one certificate: a profile, a public key, an authority, and the moment and serial number it is made with.

P-256 throughout. Every certificate is backdated by an hour, because clocks of servers disagree; none outlives the
authority that signs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fairlead_controller.model.fleet import AuthorityRecord
from fairlead_controller.ports import Clock
from fairlead_wire.errors import Invalid
from fairlead_wire.identity import certificate_pem, key_pem, load_key, new_key

BACKDATED = timedelta(hours=1)
AUTHORITY_DAYS = 3650
SERIAL_BYTES = 20
# ub-common-name and ub-organization-name of RFC 5280, appendix A.1.
LONGEST_NAME = 64

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class Stamp:
    """When (seconds since 1970) and with which serial number a certificate is made."""

    now: float
    serial: int

    @staticmethod
    def of(clock: Clock) -> Stamp:
        """A stamp of this moment with 159 random bits: RFC 5280 allows 20 octets and no sign bit."""
        return Stamp(clock.now(), max(1, int.from_bytes(clock.random_bytes(SERIAL_BYTES)) >> 1))


@dataclass(frozen=True)
class Profile:
    """All that a leaf certificate says."""

    common_name: str
    organization: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = False
    days: int = 365


def new_authority(scope: str, name: str, common_name: str, stamp: Stamp) -> AuthorityRecord:
    """A self-signed authority with a key of its own, for ten years; it may sign leaves and no further authority."""
    key = new_key()
    public = key.public_key()
    subject = _subject(common_name, "")
    builder = _builder(subject, subject, public, stamp).not_valid_after(_end(stamp, AUTHORITY_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    return AuthorityRecord(scope, name, certificate_pem(builder.sign(key, hashes.SHA256())), key_pem(key))


def sign(authority: AuthorityRecord, public_key: PublicKey, profile: Profile, stamp: Stamp) -> bytes:
    """The leaf, PEM. Raises Invalid for a profile that no certificate can carry."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    builder = _builder(_subject(profile.common_name, profile.organization), issuer.subject, public_key, stamp)
    builder = builder.not_valid_after(min(_end(stamp, profile.days), issuer.not_valid_after_utc))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(rsa_key=isinstance(public_key, rsa.RSAPublicKey)), critical=True)
    builder = builder.add_extension(_extended_usage(profile), critical=False)
    builder = builder.add_extension(_authority_key(issuer), critical=False)
    names = _alternative_names(profile)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return certificate_pem(builder.sign(load_key(authority.key), hashes.SHA256()))


def ends_at(certificate: bytes) -> float:
    """When the first certificate of `certificate` (PEM) ends, in seconds since 1970."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()


@lru_cache(maxsize=4096)
def key_identifier(certificate: bytes) -> str:
    """That of the subject's key (RFC 5280, 4.2.1.2), hexadecimal; what it signs names it as its issuer's."""
    loaded = x509.load_pem_x509_certificate(certificate)
    return loaded.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()


def _builder(subject: x509.Name, issuer: x509.Name, public_key: PublicKey, stamp: Stamp) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(stamp.serial)
        .not_valid_before(_moment(stamp) - BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _moment(stamp: Stamp) -> datetime:
    return datetime.fromtimestamp(int(stamp.now), UTC)


def _end(stamp: Stamp, days: int) -> datetime:
    if days < 1:
        raise Invalid(f"A certificate can't last {days} days.", "Ask for one day or more.")
    return _moment(stamp) + timedelta(days=days)


def _subject(common_name: str, organization: str) -> x509.Name:
    attributes = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    for _, text in attributes:
        if (length := len(text.encode())) > LONGEST_NAME:
            raise Invalid(
                f"The name {text!r} has {length} bytes; a certificate takes {LONGEST_NAME}.",
                "Use a shorter name.",
            )
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes if text])


def _usage(authority: bool = False, rsa_key: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        # Only RSA keys can take part in a key exchange that enciphers.
        key_encipherment=rsa_key,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _extended_usage(profile: Profile) -> x509.ExtendedKeyUsage:
    wanted = {ExtendedKeyUsageOID.SERVER_AUTH: profile.server, ExtendedKeyUsageOID.CLIENT_AUTH: profile.client}
    usages = [usage for usage, is_wanted in wanted.items() if is_wanted]
    if not usages:
        # Without the extension it would be good for everything.
        raise Invalid(f"The certificate of {profile.common_name!r} has no usage.", "Plan it for server or client.")
    return x509.ExtendedKeyUsage(usages)


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    held = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held.value)


def _alternative_names(profile: Profile) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in profile.dns_names]
    return names + [x509.IPAddress(ip_address(address)) for address in profile.ip_addresses]


def public_pem(public_key: PublicKey) -> bytes:
    """The public key as SubjectPublicKeyInfo, PEM."""
    return public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

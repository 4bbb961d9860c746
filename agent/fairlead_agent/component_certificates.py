"""Whether a certificate on the host is the one that the assignment names. Pure but for parsing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fairlead_agent.view import CertificateState
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.identity import load_key
from fairlead_wire.task import digest

_ABSENT = b""


def state_of(spec: CertificateSpec, certificate_pem: bytes, key_pem: bytes, wall: float, at: float) -> CertificateState:
    """What is on the host (empty bytes: nothing there), judged against `spec`; `wall`: seconds since 1970."""
    if certificate_pem == _ABSENT or key_pem == _ABSENT:
        return CertificateState(good=False, spec=spec, at=at)
    try:
        state, said = _read(spec, certificate_pem, key_pem)
    except ValueError:
        return CertificateState(good=False, spec=spec, at=at)
    return replace(state, good=state.present and wall < state.not_after and said, at=at)


@lru_cache(maxsize=256)
def _read(spec: CertificateSpec, certificate_pem: bytes, key_pem: bytes) -> tuple[CertificateState, bool]:
    """What does not depend on the time, and whether it says what is planned. Remembered, because the same files are
    looked at every few seconds. Raises ValueError for what is no certificate or key."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    belongs = certificate.public_key() == load_key(key_pem).public_key()
    first, last = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    state = CertificateState(False, belongs, first, last, digest(certificate_pem), spec=spec)
    return state, says(certificate, spec)


def says(certificate: x509.Certificate, spec: CertificateSpec) -> bool:
    """Whether subject, alternative names, usages and who signed it are the planned ones."""
    return (
        _subject(certificate) == (spec.common_name, spec.organization)
        and _names(certificate) == (set(spec.dns_names), {ip_address(item) for item in spec.ip_addresses})
        and _usages(certificate) == (spec.server, spec.client)
        and spec.issuer in ("", _issuer(certificate))
    )


def _subject(certificate: x509.Certificate) -> tuple[str, str]:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return "".join(str(item.value) for item in names), "".join(str(item.value) for item in organizations)


def _names(certificate: x509.Certificate) -> tuple[set[str], set[object]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set(), set()
    return set(names.get_values_for_type(x509.DNSName)), set(names.get_values_for_type(x509.IPAddress))


def _usages(certificate: x509.Certificate) -> tuple[bool, bool]:
    try:
        usages = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return False, False
    return ExtendedKeyUsageOID.SERVER_AUTH in usages, ExtendedKeyUsageOID.CLIENT_AUTH in usages


def _issuer(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return ""
    return (found.key_identifier or b"").hex()

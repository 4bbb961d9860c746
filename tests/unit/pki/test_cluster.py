from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead_agent.component_certificates import state_of
from fairlead_controller.model.node import Claim, NodeRole
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.pki.cluster import (
    AUTHORITIES,
    ensure_authorities,
    issue_kubeconfig,
    material,
    material_of,
    new_authorities,
    sign_planned,
)
from fairlead_controller.pki.requests import public_key_of
from fairlead_controller.pki.signing import Profile, Stamp
from fairlead_controller.plan import desired
from fairlead_controller.ports import Clock
from fairlead_testing.planning import cluster, fleet, node
from fairlead_testing.stores import MemoryStore, counted_bytes
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.errors import Invalid, Missing
from fairlead_wire.identity import key_pem, new_key, request_der

NOW = 1_795_000_000.0
CLOCK = Clock(lambda: NOW, counted_bytes())
STORE = MemoryStore()
STORE.now(lambda r: ensure_authorities(r, "lab", CLOCK))
REQUEST = request_der(new_key(), "what the sender calls itself")

_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_NAMES = st.lists(_LABEL, min_size=1, max_size=3).map(".".join)
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=64).filter(
    lambda t: len(t.encode()) <= 64
)
SPECS = st.builds(
    CertificateSpec,
    path=st.just("/etc/kubernetes/x.crt"),
    authority=st.sampled_from(AUTHORITIES),
    common_name=_TEXT.filter(bool),
    organization=_TEXT,
    dns_names=st.lists(_NAMES, max_size=3, unique=True).map(tuple),
    ip_addresses=st.lists(st.ip_addresses().map(str), max_size=3, unique=True).map(tuple),
    server=st.booleans(),
    client=st.just(True),
    days=st.integers(1, 3000),
)


def signed(spec: CertificateSpec, request: bytes = REQUEST) -> x509.Certificate:
    pem = STORE.now(lambda r: sign_planned(r, "lab", spec, request, Stamp.of(CLOCK)))
    return x509.load_pem_x509_certificate(pem)


def text(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(item.value) for item in name.get_attributes_for_oid(oid)]


@given(SPECS)
def test_a_certificate_says_exactly_what_was_planned(spec: CertificateSpec) -> None:
    made = signed(spec)
    assert text(made.subject, NameOID.COMMON_NAME) == [spec.common_name]
    assert text(made.subject, NameOID.ORGANIZATION_NAME) == ([spec.organization] if spec.organization else [])
    assert len(list(made.subject)) == 1 + bool(spec.organization)
    assert _alternative_names(made) == (spec.dns_names, tuple(map(ip_address, spec.ip_addresses)))
    usages = set(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    wanted = {ExtendedKeyUsageOID.CLIENT_AUTH} | ({ExtendedKeyUsageOID.SERVER_AUTH} if spec.server else set())
    assert usages == wanted
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.not_valid_before_utc == datetime.fromtimestamp(NOW, UTC) - timedelta(hours=1)
    assert made.not_valid_after_utc == datetime.fromtimestamp(NOW, UTC) + timedelta(days=spec.days)
    authorities = STORE.now(lambda r: material(r, "lab")).authorities
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(authorities[spec.authority]))


def _alternative_names(made: x509.Certificate) -> tuple[object, object]:
    try:
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    return tuple(names.get_values_for_type(x509.DNSName)), tuple(names.get_values_for_type(x509.IPAddress))


PLANNED = CertificateSpec("/a.crt", "etcd", "lab-1", server=True)


def request_with(key: object, **changes: bool) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")])
    )
    if changes.get("names"):
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("evil")]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)  # type: ignore[arg-type]


def test_nothing_that_a_request_asks_for_is_given() -> None:
    made = signed(PLANNED, request_with(new_key(), names=True))
    assert made.subject.rfc4514_string() == "CN=lab-1"
    assert _alternative_names(made) == ((), ())
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_good_elliptic_keys_are_taken(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    assert signed(PLANNED, request_with(key)).public_key() == key.public_key()


def test_an_rsa_key_may_encipher_keys() -> None:
    key = rsa.generate_private_key(65537, 2048)
    made = signed(PLANNED, request_with(key))
    assert made.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert made.public_key() == key.public_key()


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa-1024", "p-224", "k-256", "ed25519"],
)
def test_weak_and_unusual_keys_are_refused(key: object) -> None:
    with pytest.raises(Invalid, match="P-256"):
        public_key_of(request_with(key))


@given(st.binary(max_size=300))
def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        public_key_of(content)


@given(st.integers(0, len(REQUEST) - 1), st.integers(0, 7))
@example(8, 0)  # the version
def test_a_changed_request_is_refused_or_proves_the_same_key(position: int, bit: int) -> None:
    changed = bytearray(REQUEST)
    changed[position] ^= 1 << bit
    with suppress(Invalid):
        assert public_key_of(bytes(changed)) == public_key_of(REQUEST)


def test_a_request_of_someone_elses_key_is_refused() -> None:
    key, other = new_key(), new_key()
    spki = {each: _spki(each) for each in (key, other)}
    assert len(spki[key]) == len(spki[other])
    forged = request_der(key).replace(spki[key], spki[other])
    with pytest.raises(Invalid, match="not signed by its own key"):
        public_key_of(forged)


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def test_a_huge_request_is_not_even_read() -> None:
    with pytest.raises(Invalid, match="more than 16384 bytes"):
        public_key_of(bytes(20_000))


@pytest.mark.parametrize("authority", ["service-account", "fleet", "", "../etcd"])
def test_only_the_three_authorities_sign(authority: str) -> None:
    with pytest.raises(Missing, match="has no authority"):
        signed(replace(PLANNED, authority=authority))


def test_a_cluster_without_authorities_signs_nothing() -> None:
    with pytest.raises(Missing):
        STORE.now(lambda r: sign_planned(r, "other", PLANNED, REQUEST, Stamp.of(CLOCK)))
    assert STORE.now(lambda r: material(r, "other")).authorities == {}


def test_authorities_are_made_once() -> None:
    first = STORE.now(lambda r: ensure_authorities(r, "again", CLOCK))
    assert STORE.now(lambda r: ensure_authorities(r, "again", CLOCK)) == first
    assert set(first.authorities) == set(AUTHORITIES)
    assert set(first.secrets) == {"sa.key", "sa.pub", "ca.key"}
    assert len(set(first.authorities.values())) == 3


def test_the_service_account_pair_belongs_together() -> None:
    secrets = material_of(new_authorities("x", CLOCK)).secrets
    private = serialization.load_pem_private_key(secrets["sa.key"], None)
    assert private.public_key() == serialization.load_pem_public_key(secrets["sa.pub"])


def test_a_kubeconfig_certificate_is_the_clusters() -> None:
    profile = Profile("fairlead-admin", "fairlead:admins", client=True, days=1)
    certificate, authority = STORE.now(lambda r: issue_kubeconfig(r, "lab", profile, REQUEST, Stamp.of(CLOCK)))
    made = x509.load_pem_x509_certificate(certificate)
    assert text(made.subject, NameOID.ORGANIZATION_NAME) == ["fairlead:admins"]
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))


def test_no_secret_is_shown() -> None:
    records = new_authorities("x", CLOCK)
    assert "PRIVATE" not in repr(records) + repr(material_of(records))


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_a_node_knows_what_an_authority_that_is_no_more_has_signed(authority: str) -> None:
    """Names and paths are the same in every cluster, also in that of a fleet that was made anew."""
    again = material_of(new_authorities("lab", CLOCK))
    mine, key = STORE.now(lambda r: material(r, "lab")), new_key()
    spec = CertificateSpec("/x.crt", authority, "x", client=True, issuer=mine.issuers[authority])
    pem = STORE.now(lambda r: sign_planned(r, "lab", spec, request_der(key), Stamp.of(CLOCK)))
    assert state_of(spec, pem, key_pem(key), NOW, 0.0).good
    other = replace(spec, issuer=again.issuers[authority])
    assert not state_of(other, pem, key_pem(key), NOW, 0.0).good


def test_each_planned_certificate_names_who_signs_it() -> None:
    held = STORE.now(lambda r: material(r, "lab"))
    server = node()
    claim = Claim(server.id, "lab", NodeRole.CONTROL_PLANE, 0)
    found = desired.desired(Snapshot(cluster(), fleet((server,), (claim,)), held), (claim,))
    issuers = {each.path: each.issuer for each in found[server.id].certificates}
    assert set(issuers.values()) == set(held.issuers.values())
    assert issuers["/etc/kubernetes/pki/etcd/server.crt"] == held.issuers["etcd"]

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from fairlead_controller.pki.authority import is_issued_by, registry_certificate
from fairlead_controller.pki.signing import Profile, ends_at, sign
from fairlead_testing.authorities import FleetAuthority
from fairlead_wire.errors import Invalid
from fairlead_wire.identity import Principal, Role, load_key, new_key, principal_of

NOW = 1_795_000_000.0
MOMENT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture(scope="module")
def fleet() -> FleetAuthority:
    return FleetAuthority(NOW)


def chain_of(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def verifies(fleet: FleetAuthority, chain: bytes, at: datetime) -> bool:
    root = x509.load_pem_x509_certificate(fleet.record.certificate)
    verifier = PolicyBuilder().store(Store([root])).time(at).build_client_verifier()
    leaf = chain_of(chain)[0]
    return bool(verifier.verify(leaf, []).chain)


def test_an_authority_lasts_ten_years_and_signs_leaves_only(fleet: FleetAuthority) -> None:
    (root,) = chain_of(fleet.record.certificate)
    assert root.not_valid_before_utc == MOMENT - timedelta(hours=1)
    assert root.not_valid_after_utc == MOMENT + timedelta(days=3650)
    limits = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (limits.critical, limits.value) == (True, x509.BasicConstraints(ca=True, path_length=0))
    usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert load_key(fleet.record.key).public_key() == root.public_key()


def test_a_nodes_chain_names_it_for_thirty_days(fleet: FleetAuthority) -> None:
    mine = fleet.node("node-1")
    leaf, root = chain_of(mine.chain)
    assert root == x509.load_pem_x509_certificate(mine.authority)
    assert principal_of(leaf) == Principal("node-1", Role.AGENT)
    assert leaf.not_valid_before_utc == MOMENT - timedelta(hours=1)
    assert leaf.not_valid_after_utc == MOMENT + timedelta(days=30)
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert load_key(mine.key).public_key() == leaf.public_key()


def test_the_controllers_certificate_has_the_fixed_name(fleet: FleetAuthority) -> None:
    leaf, _ = chain_of(fleet.server().chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["controller.f1eet"]
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert principal_of(leaf) is None


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_a_persons_certificate_says_name_and_role_for_its_days(fleet: FleetAuthority, role: Role) -> None:
    leaf, _ = chain_of(fleet.person("alice@example.com", role, days=7).chain)
    assert principal_of(leaf) == Principal("alice@example.com", role)
    assert leaf.not_valid_after_utc == MOMENT + timedelta(days=7)


def test_what_the_authority_signed_is_recognised_and_nothing_else(fleet: FleetAuthority) -> None:
    stranger = FleetAuthority(NOW)
    leaf, _ = chain_of(fleet.node("node-1").chain)
    assert is_issued_by(fleet.record, leaf)
    assert not is_issued_by(stranger.record, leaf)


def test_serial_numbers_differ_and_are_positive(fleet: FleetAuthority) -> None:
    serials = {chain_of(fleet.node("node-1").chain)[0].serial_number for _ in range(20)}
    assert len(serials) == 20
    assert all(0 < serial < 2**159 for serial in serials)


def test_no_leaf_outlives_its_authority(fleet: FleetAuthority) -> None:
    late = FleetAuthority(NOW)
    late.now = NOW + 3649 * 86_400
    leaf, root = chain_of(late.node("node-1").chain)
    assert leaf.not_valid_after_utc == root.not_valid_after_utc
    assert ends_at(late.record.certificate) == root.not_valid_after_utc.timestamp()


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (Profile("x" * 65, client=True), "shorter name"),
        (Profile("x"), "no usage"),
        (Profile("x", client=True, days=0), "one day or more"),
    ],
)
def test_what_no_certificate_can_carry_is_refused(fleet: FleetAuthority, profile: Profile, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        sign(fleet.record, new_key().public_key(), profile, fleet.stamp())


@pytest.mark.parametrize(("minutes", "good"), [(-55, True), (-65, False), (0, True)])
def test_clocks_may_be_an_hour_behind(fleet: FleetAuthority, minutes: int, good: bool) -> None:
    mine = fleet.node("node-1")
    leaf, _ = chain_of(mine.chain)
    there = MOMENT + timedelta(minutes=minutes)
    assert (leaf.not_valid_before_utc <= there <= leaf.not_valid_after_utc) is good


@pytest.mark.parametrize(
    ("host", "names", "addresses"),
    [
        ("controller.example.com", ["controller.example.com"], []),
        ("192.0.2.10", [], [ip_address("192.0.2.10")]),
        ("2001:db8::10", [], [ip_address("2001:db8::10")]),
    ],
)
def test_the_registrys_certificate_names_the_host_as_nodes_reach_it(
    fleet: FleetAuthority, host: str, names: list[str], addresses: list[IPv4Address | IPv6Address]
) -> None:
    chain = registry_certificate(fleet.record, fleet.fleet_id, host, new_key().public_key(), fleet.stamp())
    leaf, _ = chain_of(chain)
    said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert said.get_values_for_type(x509.DNSName) == names
    assert said.get_values_for_type(x509.IPAddress) == addresses
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert principal_of(leaf) is None

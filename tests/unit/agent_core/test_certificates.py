"""Which certificates are good, and when the good ones are renewed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_agent import renewal
from fairlead_agent.component_certificates import state_of
from fairlead_testing.agent_bench import FakeIssuer
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.identity import key_pem, new_key, request_der

WALL = 1_800_000_000.0
YEAR = 365 * 86_400
SPEC = CertificateSpec("/a.crt", "cluster", "system:node:a", "system:nodes", ("a",), ("10.0.0.1", "::1"), True, True)
KEY = new_key()


def signed(spec: CertificateSpec) -> bytes:
    issuer = FakeIssuer(lambda: (spec,), lambda: WALL)
    return asyncio.run(issuer.issue("lab", [(spec.path, request_der(KEY))]))[spec.path]


PEM = signed(SPEC)


def test_what_says_what_is_wanted_is_good() -> None:
    state = state_of(SPEC, PEM, key_pem(KEY), WALL, 1.0)
    assert (state.good, state.present) == (True, True)
    assert state.not_after == pytest.approx(WALL + YEAR)


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, common_name="b"),
        replace(SPEC, organization=""),
        replace(SPEC, dns_names=("a", "b")),
        replace(SPEC, ip_addresses=("10.0.0.2", "::1")),
        replace(SPEC, server=False),
        replace(SPEC, client=False),
        replace(SPEC, issuer="00" * 20),
    ],
)
def test_what_says_something_else_is_not(other: CertificateSpec) -> None:
    state = state_of(other, PEM, key_pem(KEY), WALL, 1.0)
    assert (state.good, state.present) == (False, True)


def test_an_address_is_the_same_however_it_is_written() -> None:
    written = replace(SPEC, ip_addresses=("10.0.0.1", "0:0:0:0:0:0:0:1"))
    assert state_of(written, PEM, key_pem(KEY), WALL, 1.0).good


@pytest.mark.parametrize(
    ("certificate", "key", "wall"),
    [
        (b"", key_pem(KEY), WALL),
        (PEM, b"", WALL),
        (PEM, key_pem(new_key()), WALL),
        (b"rubbish", key_pem(KEY), WALL),
        (PEM, b"rubbish", WALL),
        (PEM, key_pem(KEY), WALL + YEAR),
    ],
    ids=["no certificate", "no key", "another key", "rubbish", "a rubbish key", "ended"],
)
def test_what_cannot_be_used_is_not_good(certificate: bytes, key: bytes, wall: float) -> None:
    assert not state_of(SPEC, certificate, key, wall, 1.0).good


@given(st.floats(0, 1, exclude_max=True))
def test_an_agent_renews_between_half_and_seven_tenths_of_its_life(random: float) -> None:
    assert 50.0 <= renewal.own_due_at(0.0, 100.0, random) <= 70.0


def test_components_renew_at_half() -> None:
    assert not renewal.component_due(0.0, 100.0, 49.9)
    assert renewal.component_due(0.0, 100.0, 50.0)

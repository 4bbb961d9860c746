"""The fleet as a whole: its identity, its authorities, its join tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

FLEET = "fleet"
"""Scope and name of the fleet's own authority. Scopes of clusters are their names, so no cluster is called so."""


@dataclass(frozen=True)
class FleetRecord:
    """`generation` rises when a database is restored; endpoints are host:port as agents and people reach them.

    `restored_at`: seconds since 1970 of a restore that no admin has confirmed yet, else 0. Until it is confirmed,
    nothing is changed anywhere.
    """

    id: str
    generation: int
    enrolment_endpoint: str
    fleet_endpoint: str
    created_at: float
    restored_at: float = 0.0


@dataclass(frozen=True)
class AuthorityRecord:
    """A signing key pair. `scope` is "fleet" or a cluster's name; `name` "fleet", "cluster", "front-proxy", "etcd" or
    "service-account" (which has a public key, PEM, in place of a certificate)."""

    scope: str
    name: str
    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class TokenRecord:
    """A join token as stored: the hash of its secret and nothing of the secret itself. Times: seconds since 1970."""

    id: str
    secret_hash: str
    created_at: float
    expires_at: float
    creator: str
    labels: tuple[tuple[str, str], ...] = ()
    cluster: str = ""
    used_at: float = 0.0
    node_id: str = ""
    revoked_at: float = 0.0

"""A cluster's authorities, and what they sign: exactly the certificates that its assignments name."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead_controller.model.fleet import AuthorityRecord
from fairlead_controller.model.snapshot import Material
from fairlead_controller.pki.requests import public_key_of
from fairlead_controller.pki.signing import (
    LONGEST_NAME,
    Profile,
    Stamp,
    key_identifier,
    new_authority,
    public_pem,
    sign,
)
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.errors import Missing
from fairlead_wire.identity import key_pem, new_key

AUTHORITIES = ("cluster", "front-proxy", "etcd")
SERVICE_ACCOUNT = "service-account"


def new_authorities(cluster: str, clock: Clock) -> tuple[AuthorityRecord, ...]:
    """The three authorities of a new cluster and its service-account key pair."""
    signers = tuple(
        new_authority(cluster, name, f"Fairlead {name} {cluster}"[:LONGEST_NAME], Stamp.of(clock))
        for name in AUTHORITIES
    )
    pair = new_key()
    return (*signers, AuthorityRecord(cluster, SERVICE_ACCOUNT, public_pem(pair.public_key()), key_pem(pair)))


def ensure_authorities(repositories: Repositories, cluster: str, clock: Clock) -> Material:
    """The cluster's material; its authorities are made if it has none yet."""
    if repositories.authorities.get(cluster, AUTHORITIES[0]) is None:
        for record in new_authorities(cluster, clock):
            repositories.authorities.put(record)
    return material(repositories, cluster)


def material(repositories: Repositories, cluster: str) -> Material:
    """What assignments of this cluster are made of; empty while it has no authorities."""
    held = (repositories.authorities.get(cluster, name) for name in (*AUTHORITIES, SERVICE_ACCOUNT))
    return material_of(record for record in held if record is not None)


def material_of(records: Iterable[AuthorityRecord]) -> Material:
    """Material from `new_authorities`, stored or not."""
    by_name = {record.name: record for record in records}
    certificates = {name: record.certificate for name, record in by_name.items() if name in AUTHORITIES}
    secrets: dict[str, bytes] = {}
    if pair := by_name.get(SERVICE_ACCOUNT):
        secrets |= {"sa.key": pair.key, "sa.pub": pair.certificate}
    if signer := by_name.get("cluster"):
        secrets |= {"ca.key": signer.key}
    return Material(certificates, secrets, {name: key_identifier(pem) for name, pem in certificates.items()})


def sign_planned(
    repositories: Repositories, cluster: str, spec: CertificateSpec, request: bytes, stamp: Stamp
) -> bytes:
    """The certificate (PEM) that `spec` plans, for the key of a request (PKCS #10, DER), of which nothing else counts.

    Raises Invalid for a bad request, Missing for an authority that the cluster has not.
    """
    authority = _authority(repositories, cluster, spec.authority)
    return sign(authority, public_key_of(request), profile_of(spec), stamp)


def profile_of(spec: CertificateSpec) -> Profile:
    return Profile(
        spec.common_name,
        spec.organization,
        spec.dns_names,
        spec.ip_addresses,
        spec.server,
        spec.client,
        spec.days,
    )


def issue_kubeconfig(
    repositories: Repositories, cluster: str, profile: Profile, request: bytes, stamp: Stamp
) -> tuple[bytes, bytes]:
    """A person's certificate for the cluster's apiserver and the cluster's authority, both PEM.

    `profile` is what the planner says of its subject; raises Invalid and Missing as `sign_planned` does.
    """
    authority = _authority(repositories, cluster, "cluster")
    return sign(authority, public_key_of(request), profile, stamp), authority.certificate


def _authority(repositories: Repositories, cluster: str, name: str) -> AuthorityRecord:
    authority = repositories.authorities.get(cluster, name) if name in AUTHORITIES else None
    if authority is None:
        raise Missing(
            f"Cluster {cluster!r} has no authority {name!r}.",
            "Apply the cluster's spec again; if that does not help, restore a backup of the database.",
        )
    return authority

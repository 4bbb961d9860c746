"""Who becomes a node: decisions of enrolment over one transaction, without signing and without the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import TokenRecord
from fairlead_controller.model.node import Node
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Exists, Invalid, Refused, Unidentified
from fairlead_wire.facts import Facts
from fairlead_wire.token import secret_hash

# RFC 1123 names as Kubernetes takes them for a Node: lower case, labels of 63, 253 in all.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# A common name holds 64 characters (RFC 5280, ub-common-name), and the longest of ours is "fairlead:agent:NAME".
LONGEST_HOSTNAME = 64 - len("fairlead:agent:")
FROM_ANEW = "Make a new line with `fairlead token create` and paste it on the server."


@dataclass(frozen=True)
class Applicant:
    """Who asks to become a node. `key_digest`: SHA-256 of its public key, hexadecimal; `node_id`: if it is new."""

    secret: str
    facts: Facts
    key_digest: str
    node_id: str


def admit(repositories: Repositories, applicant: Applicant, now: float) -> Node:
    """The applicant's node, for the caller to store, and its token consumed; the same key with the same token gets the
    same node.

    Raises Unidentified for an unknown token; Refused for an expired, used or revoked one; Invalid for a host name
    that no node can have; Exists for a name that another key holds.
    """
    token = repositories.tokens.by_secret_hash(secret_hash(applicant.secret))
    if token is None:
        raise Unidentified("This controller has made no such join token.", FROM_ANEW)
    if (again := _repeated(repositories, token, applicant)) is not None:
        return replace(again, facts=applicant.facts)
    _check_token(token, now)
    check_hostname(applicant.facts.hostname)
    _check_name_is_free(repositories, applicant.facts.hostname)
    return _enrol(repositories, token, applicant, now)


def check_hostname(hostname: str) -> None:
    """Raises Invalid unless `hostname` can be the name of a Kubernetes node."""
    if len(hostname) > LONGEST_HOSTNAME or not _HOSTNAME.fullmatch(hostname):
        raise Invalid(
            f"The server's host name {hostname[:80]!r} can't be the name of a Kubernetes node: those are lower-case "
            f"letters, digits, '-' and '.' (RFC 1123), here at most {LONGEST_HOSTNAME}.",
            "Set another one with `hostnamectl set-hostname NAME` and start the agent again.",
        )


def _repeated(repositories: Repositories, token: TokenRecord, applicant: Applicant) -> Node | None:
    """The node that this very key got for this token, when the answer to it was lost."""
    node = repositories.nodes.get(token.node_id) if token.node_id else None
    if node is None or node.key_digest != applicant.key_digest or node.revoked or token.revoked_at:
        return None
    return node


def _check_token(token: TokenRecord, now: float) -> None:
    if token.revoked_at:
        raise Refused(f"The join token {token.id} was revoked.", FROM_ANEW)
    if token.used_at:
        raise Refused(f"The join token {token.id} has been used; each works once.", FROM_ANEW)
    if now >= token.expires_at:
        raise Refused(f"The join token {token.id} has expired.", FROM_ANEW)


def _check_name_is_free(repositories: Repositories, name: str) -> None:
    if (holder := repositories.nodes.by_name(name)) is not None:
        raise Exists(
            f"A node called {name!r} is enrolled already, with another key (node {holder.id}).",
            "Give this server another name with `hostnamectl set-hostname NAME`, or put back the identity that the "
            "node had under /var/lib/fairlead, and start the agent again.",
        )


def _enrol(repositories: Repositories, token: TokenRecord, applicant: Applicant, now: float) -> Node:
    node = Node(
        applicant.node_id,
        applicant.facts.hostname,
        applicant.facts,
        labels=token.labels,
        wanted_cluster=token.cluster,
        enrolled_at=now,
        key_digest=applicant.key_digest,
        token_id=token.id,
    )
    repositories.tokens.use(token.id, node.id, now)
    _tell(repositories, token, node, now)
    return node


def _tell(repositories: Repositories, token: TokenRecord, node: Node, now: float) -> None:
    used = f"The join token {token.id}, made by {token.creator}, was used by {node.name}."
    cause = repositories.events.append(Event("token-used", used, token.cluster, node.name), now).id
    enrolled = f"{node.name} is enrolled as node {node.id}, at {node.address or 'an unknown address'}."
    repositories.events.append(Event("node-enrolled", enrolled, token.cluster, node.name, cause_id=cause), now)

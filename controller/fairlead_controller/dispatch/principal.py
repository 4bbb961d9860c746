"""Who calls: read from the certificate that the mutual TLS handshake verified."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from fairlead_controller.model.node import Node
from fairlead_controller.store.port import Store
from fairlead_wire.errors import Denied, Unidentified
from fairlead_wire.identity import Principal, Role, principal_of, public_key_digest

ENROL_AGAIN = "Enrol the server again with a new line from `fairlead token create`."


def certificate_from_context(context: Any) -> x509.Certificate | None:
    """The peer's certificate; None where the listener asks for none."""
    pem = context.auth_context().get("x509_pem_cert")
    return x509.load_pem_x509_certificate(pem[0]) if pem else None


def principal_from_context(context: Any) -> Principal | None:
    """The peer's principal; None without a certificate that names a role."""
    certificate = certificate_from_context(context)
    return principal_of(certificate) if certificate is not None else None


def peer_key_digest(context: Any) -> str:
    """SHA-256 of the peer's public key, hexadecimal; empty without a certificate."""
    certificate = certificate_from_context(context)
    return public_key_digest(certificate).hex() if certificate is not None else ""


async def is_known_node(store: Store, node_id: str) -> bool:
    """Whether the node is enrolled and not revoked."""
    node = await store.read(lambda repositories: repositories.nodes.get(node_id))
    return node is not None and not node.revoked


async def node_from_context(context: Any, store: Store) -> Node:
    """The node that calls. Raises Unidentified for who is no agent, Denied for an unknown or revoked one."""
    caller = principal_from_context(context)
    if caller is None or caller.role is not Role.AGENT:
        raise Unidentified("This needs the certificate of an agent.", ENROL_AGAIN)
    node = await store.read(lambda repositories: repositories.nodes.get(caller.name))
    if node is None:
        raise Denied(f"No node {caller.name} is known to this controller.", ENROL_AGAIN)
    if node.revoked:
        raise Denied(f"The node {node.name} is revoked.", ENROL_AGAIN)
    return node


def peer_address(context: Any) -> str:
    """The peer's IP address, from "ipv4:192.0.2.1:4242" or "ipv6:[2001:db8::1]:4242"; empty if it is neither."""
    family, _, rest = str(context.peer()).partition(":")
    host = rest.rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]") if family in ("ipv4", "ipv6") else ""

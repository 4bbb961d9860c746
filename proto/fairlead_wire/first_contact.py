"""Fetching a fleet's authority before anything is trusted: the only handshake that verifies by digest alone."""

from __future__ import annotations

import asyncio
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fairlead_wire.errors import Refused, Unreachable
from fairlead_wire.identity import public_key_digest


async def fetch_authority(endpoint: str, expected_digest: bytes, timeout: float = 10.0) -> bytes:
    """The authority's certificate (PEM) from the served chain, if its key has the digest that the token names.

    A bare TLS handshake: nothing is sent, least of all the token. Raises Unreachable if nobody answers, Refused if
    the server is of another fleet.
    """
    host, _, port = endpoint.rpartition(":")
    try:
        chain = await asyncio.to_thread(_served_chain, host.strip("[]"), int(port), timeout)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"No controller answers at {endpoint}: {error}.",
            "Check the address, that the controller runs, and that no firewall is between.",
        ) from None
    for certificate in map(x509.load_der_x509_certificate, chain):
        if public_key_digest(certificate) == expected_digest:
            return certificate.public_bytes(Encoding.PEM)
    raise Refused(
        f"The server at {endpoint} is not the controller that made this join token; nothing was sent to it.",
        "Check the address, or make a token at that controller with `fairlead token create`.",
    )


def _served_chain(host: str, port: int, timeout: float) -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the digest is checked instead, before anything is sent
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, port), timeout) as raw, context.wrap_socket(raw) as tls:
        # Public since Python 3.13; before, only the underlying object has it.
        source = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]
        chain = source.get_unverified_chain() or []
        return [item if isinstance(item, bytes) else _der_of(item) for item in chain]


def _der_of(certificate: object) -> bytes:
    encoded = certificate.public_bytes(2)  # type: ignore[attr-defined]  # 2 is _ssl.ENCODING_DER
    return bytes(encoded)

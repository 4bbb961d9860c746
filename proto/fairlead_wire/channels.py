"""TLS channels and server credentials: one place for every gRPC option that both sides must agree on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field

import grpc
from cryptography import x509

from fairlead_wire.errors import Refused, Unreachable
from fairlead_wire.identity import public_key_digest, server_name

# A COMPLETE assignment with zone files and objects is well under 1 MiB; a relay frame is 256 KiB.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# Dead peers are noticed at the transport within 30 s even when a stream is idle; gRPC servers refuse pings more
# often than min_recv_ping_interval, so both sides state it.
_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    *_OPTIONS,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # A second controller on the same port must fail, not share it silently.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1_000),
)


@dataclass(frozen=True)
class Credentials:
    """What one side of the fleet holds: PEM of the authority, of its own chain and of its key."""

    fleet_id: str
    authority: bytes
    chain: bytes = b""
    key: bytes = field(default=b"", repr=False)


def open_channel(endpoint: str, credentials: Credentials) -> grpc.aio.Channel:
    """A channel to host:port that trusts only the fleet's authority and expects the fixed server name."""
    tls = grpc.ssl_channel_credentials(credentials.authority, credentials.key or None, credentials.chain or None)
    options = (
        *_OPTIONS,
        ("grpc.ssl_target_name_override", server_name(credentials.fleet_id)),
        # Our own back-off decides when to try again; gRPC's must not be slower than it.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Each session is a fresh connection: a shared subchannel would hide that the old one is dead.
        ("grpc.use_local_subchannel_pool", 1),
    )
    return grpc.aio.secure_channel(endpoint, tls, options=options)


def enrolment_server_credentials(chain: bytes, key: bytes) -> grpc.ServerCredentials:
    """Server TLS only: whoever connects is nobody yet. `chain` ends with the authority's certificate."""
    return grpc.ssl_server_credentials([(key, chain)])


def fleet_server_credentials(chain: bytes, key: bytes, authority: bytes) -> grpc.ServerCredentials:
    """Mutual TLS: a handshake without a certificate of the fleet's authority fails."""
    return grpc.ssl_server_credentials([(key, chain)], authority, require_client_auth=True)


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
            return ssl.DER_cert_to_PEM_cert(_der(certificate)).encode()
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


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)

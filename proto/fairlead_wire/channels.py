"""TLS channels and server credentials: one place for every gRPC option that both sides must agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

# A COMPLETE assignment with zone files and objects is well under 1 MiB; a relay frame is 256 KiB.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# Dead peers are noticed at the transport within 30 s even when a stream is idle; gRPC servers refuse pings more
# often than GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS (whose value lacks the RECV), so both sides state it.
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
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # A second controller on the same port must fail, not share it silently.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1_000),
)


def server_name(fleet_id: str) -> str:
    """The fixed name in the controller's certificate, so that a moved controller needs no new one."""
    return f"controller.{fleet_id}"


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


Held = Callable[[], Credentials]
"""What a server shows now. It is asked before each handshake, on a thread of gRPC's own."""


def enrolment_server_credentials(held: Held) -> grpc.ServerCredentials:
    """Server TLS only: whoever connects is nobody yet. The chain held ends with the authority's certificate."""
    return _server_credentials(held, mutual=False)


def fleet_server_credentials(held: Held) -> grpc.ServerCredentials:
    """Mutual TLS: a handshake without a certificate of the fleet's authority fails."""
    return _server_credentials(held, mutual=True)


def _server_credentials(held: Held, mutual: bool) -> grpc.ServerCredentials:
    """Connections that are there keep what they began with; new ones see what is held then."""
    shown = held()

    def newer() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        now = held()
        if now is shown:
            return None  # gRPC goes on with what it has
        shown = now
        return _configuration(now, mutual)

    first = _configuration(shown, mutual)
    return grpc.dynamic_ssl_server_credentials(first, newer, mutual)  # type: ignore[arg-type]  # its stubs know no None


def _configuration(mine: Credentials, mutual: bool) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(mine.key, mine.chain)], mine.authority if mutual else None)

"""The node's identity on disk: one file, so that certificate and key can never be of two renewals."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from cryptography import x509

from fairlead_agent import durable
from fairlead_wire.channels import Credentials
from fairlead_wire.errors import Invalid, Refused
from fairlead_wire.identity import PrivateKey, key_pem, load_key, new_key
from fairlead_wire.token import JoinToken, parse_token

FORMAT = 1
IDENTITY, PENDING_KEY, NEXT_KEY, TOKEN = "identity.json", "enrolment.key", "renewal.key", "join"


@dataclass(frozen=True)
class Identity:
    """Who this node is in which fleet. All PEM as text; `fleet_endpoint` is host:port."""

    node_id: str
    fleet_id: str
    fleet_endpoint: str
    authority: str
    chain: str
    key: str = field(repr=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.fleet_id, self.authority.encode(), self.chain.encode(), self.key.encode())

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain.encode())

    @property
    def private_key(self) -> PrivateKey:
        return load_key(self.key.encode())

    @property
    def dates(self) -> tuple[float, float]:
        """Not before, not after; seconds since 1970."""
        certificate = self.certificate
        return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()

    def renewed(self, chain: str, key: PrivateKey) -> Identity:
        return replace(self, chain=chain, key=key_pem(key).decode())


class IdentityStore:
    """Keeps identity, join token and the key of an enrolment or renewal that is under way in `state`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.token_path = state / TOKEN

    def load(self) -> Identity | None:
        """Raises Refused for a file that can't be read: a new identity would be another node."""
        content = durable.read(self._state / IDENTITY)
        if not content:
            return None
        try:
            document = json.loads(content)
            if document.pop("format") != FORMAT:
                raise ValueError("another format")
            identity = Identity(**document)
            _ = identity.certificate, identity.private_key
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"The identity {self._state / IDENTITY} can't be read ({type(error).__name__}).",
                "Run the agent version that wrote it, or move it away and enrol the server with a new join token.",
            ) from None
        return identity

    def save(self, identity: Identity) -> None:
        durable.write(self._state / IDENTITY, json.dumps({"format": FORMAT, **asdict(identity)}).encode())

    def token(self) -> JoinToken | None:
        """The join token that was left for this agent, None without one. Raises Invalid for what is no token."""
        content = durable.read(self.token_path)
        if not content.strip():
            return None
        try:
            return parse_token(content.decode())
        except UnicodeDecodeError:
            raise Invalid("The join token is not text.", "Make one with `fairlead token create`.") from None

    def fingerprint(self) -> bytes:
        """Changes whenever the token file does."""
        return durable.read(self.token_path)

    def enrolment_key(self) -> PrivateKey:
        """The key to enrol with, the same after a crash in between: the controller knows its request again."""
        return self._pending(PENDING_KEY)

    def next_key(self, identity: Identity) -> PrivateKey:
        """The key to renew with, the same until a certificate of it is kept.

        The controller counts on it from its answer on; if that is lost, only this key still proves who the node is.
        """
        key = self._pending(NEXT_KEY)
        if key_pem(key).decode() != identity.key:
            return key
        durable.remove(self._state / NEXT_KEY)  # it was kept, and then the agent ended
        return self._pending(NEXT_KEY)

    def renewed(self, identity: Identity) -> None:
        """Keeps the identity with its next key."""
        self.save(identity)
        durable.remove(self._state / NEXT_KEY)

    def enrolled(self, identity: Identity) -> None:
        """Keeps the identity, and forgets the token that it came from."""
        self.save(identity)
        self.forget_token()
        durable.remove(self._state / PENDING_KEY)
        durable.remove(self._state / NEXT_KEY)

    def _pending(self, name: str) -> PrivateKey:
        content = durable.read(self._state / name)
        if content:
            return load_key(content)
        key = new_key()
        durable.write(self._state / name, key_pem(key))
        return key

    def forget_token(self) -> None:
        durable.remove(self.token_path)

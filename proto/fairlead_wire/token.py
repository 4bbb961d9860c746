"""Join tokens: version, digest of the fleet authority's public key, 128 random bits.

    FLT1-<52 base32 characters>-<26 base32 characters>

The digest lets an agent check the authority before it says anything; the random part is the secret, of which the
controller stores only the hash. The shape follows SwarmKit's SWMTKN (moby/swarmkit, ca/config.go).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from fairlead_wire.errors import Invalid

VERSION = "FLT1"
_DIGEST_LENGTH, _SECRET_LENGTH = 52, 26


@dataclass(frozen=True)
class JoinToken:
    """`authority_digest`: SHA-256 of the authority's SubjectPublicKeyInfo, 32 bytes; `secret`: 16 bytes as text."""

    authority_digest: bytes
    secret: str

    def __str__(self) -> str:
        return f"{VERSION}-{_text(self.authority_digest)}-{self.secret}"

    def __repr__(self) -> str:
        return f"JoinToken({token_id(self.secret)})"


def new_token(authority_digest: bytes, random: bytes) -> JoinToken:
    """A token with `random` (16 bytes) as its secret."""
    if len(random) != 16 or len(authority_digest) != 32:
        raise ValueError("a token takes 32 bytes of digest and 16 random bytes")
    return JoinToken(authority_digest, _text(random))


def parse_token(text: str) -> JoinToken:
    """The token in `text`. Raises Invalid with what is wrong with it."""
    parts = text.strip().split("-")
    if parts[0] != VERSION:
        raise Invalid(
            f"This is not a join token of this version: it starts with {parts[0][:8]!r}, not {VERSION!r}.",
            "Make one with `fairlead token create` and paste the whole line.",
        )
    if [len(part) for part in parts[1:]] != [_DIGEST_LENGTH, _SECRET_LENGTH]:
        raise Invalid(
            "The join token is truncated or has extra characters.",
            "Paste the whole line that `fairlead token create` printed.",
        )
    try:
        return JoinToken(base64.b32decode(parts[1].upper() + "===="), parts[2].lower())
    except ValueError:
        raise Invalid(
            "The join token has characters that no token has.",
            "Paste the whole line that `fairlead token create` printed.",
        ) from None


def secret_hash(secret: str) -> str:
    """What the controller stores of a token: SHA-256 of the secret (128 random bits need no salt)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_id(secret: str) -> str:
    """The public name of a token: 10 digits of its hash."""
    return secret_hash(secret)[:10]


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()

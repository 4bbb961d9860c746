"""Sealing: AES-256-GCM under a key that lies outside the database.

A sealed value is version, nonce, ciphertext with tag. What it belongs to is associated data, so that a value moved to
another row does not open. With random nonces of 96 bits one key is good for 2^32 values (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairlead_wire.errors import Refused

KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = b"\x01"
_CHECK = "seal-check"


class Sealer:
    """Seals and opens values; `random_bytes(n)` gives nonces."""

    def __init__(self, key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes

    def __repr__(self) -> str:
        return "Sealer()"

    def seal(self, plain: bytes, owner: str) -> bytes:
        """`plain`, sealed for the row that `owner` names."""
        nonce = self._random_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """What was sealed for `owner`. Raises Refused if it was changed, moved, or sealed with another key."""
        start = len(_VERSION) + NONCE_BYTES
        try:
            if not sealed.startswith(_VERSION):
                raise InvalidTag
            return self._cipher.decrypt(sealed[len(_VERSION) : start], sealed[start:], _VERSION + owner.encode())
        except (InvalidTag, ValueError):
            raise Refused(
                f"The sealed value of {owner} does not open: it was changed, or sealed with another key.",
                "Restore the newest good file of the data directory's backups.",
            ) from None

    def check(self) -> bytes:
        """Something to know the key by later."""
        return self.seal(b"", _CHECK)

    def opens(self, check: bytes) -> bool:
        """Whether `check` was made with this key."""
        try:
            return self.open(check, _CHECK) == b""
        except Refused:
            return False

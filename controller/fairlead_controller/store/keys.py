"""Where the sealing key is: a file, a systemd credential, a passphrase in a file. Never argv or environment."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fairlead_controller.private_file import write_private
from fairlead_controller.store.sealing import KEY_BYTES
from fairlead_wire.errors import Invalid, Missing, Refused

CREDENTIAL = "fairlead-key"
SALT_BYTES = 16
SHORTEST_PASSPHRASE = 12
# RFC 7914 with 64 MiB of memory: about 0.2 s once at each start.
_SCRYPT = {"n": 2**16, "r": 8, "p": 1}


class KeyKind(StrEnum):
    FILE = "file"
    CREDENTIAL = "credential"
    PASSPHRASE = "passphrase"  # noqa: S105  # the word, not one


@dataclass(frozen=True)
class KeySource:
    """`path` is empty for a credential: systemd says where it is, in $CREDENTIALS_DIRECTORY."""

    kind: KeyKind
    path: str = ""


def make_key_file(path: Path, random_bytes: Callable[[int], bytes]) -> None:
    """Writes a new key, 0600, unless the file exists."""
    if not path.exists():
        write_private(path, base64.b64encode(random_bytes(KEY_BYTES)) + b"\n")


def load_key(source: KeySource, salt: bytes, environment: Mapping[str, str] = os.environ) -> bytes:
    """The key, 32 bytes. Raises Missing, Refused or Invalid, each with what to do."""
    if source.kind is KeyKind.CREDENTIAL:
        return _decoded(_credential(environment))
    path = Path(source.path)
    return _from_passphrase(path, salt) if source.kind is KeyKind.PASSPHRASE else _decoded(path)


def _credential(environment: Mapping[str, str]) -> Path:
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise Missing(
            "The key of this fleet is a systemd credential, and systemd passed none.",
            f"Start the controller as a unit with `LoadCredentialEncrypted={CREDENTIAL}:FILE`.",
        )
    return Path(folder) / CREDENTIAL


def _decoded(path: Path) -> bytes:
    text = _secret_content(path)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid(
            f"{path} holds no sealing key: that is {KEY_BYTES} bytes in base64.",
            "Put back the file that `fairlead-controller init` made, or make one with `openssl rand -base64 32`.",
        )
    return key


def _from_passphrase(path: Path, salt: bytes) -> bytes:
    passphrase = _secret_content(path)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Invalid(
            f"The passphrase in {path} is shorter than {SHORTEST_PASSPHRASE} characters.", "Write a longer one."
        )
    return Scrypt(salt=salt, length=KEY_BYTES, **_SCRYPT).derive(passphrase)


def _secret_content(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        content = path.read_bytes().strip()
    except OSError as error:
        raise Missing(
            f"The sealing key can't be read: {path}: {error.strerror}.",
            "Put the file back, or say where it is now with --key-file.",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refused(f"Others may read {path}, which holds the sealing key.", f"Run `chmod 600 {path}`.")
    return content

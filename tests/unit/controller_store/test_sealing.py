from __future__ import annotations

import base64
import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.model.fleet import AuthorityRecord
from fairlead_controller.store.keys import KeyKind, KeySource, load_key, make_key_file
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.sealing import KEY_BYTES, Sealer
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_testing.stores import counted_bytes
from fairlead_wire.errors import FairleadError, Invalid, Missing, Refused

SEALER = Sealer(bytes(KEY_BYTES), counted_bytes())
SALT = bytes(16)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_again_for_its_owner(plain: bytes, owner: str) -> None:
    sealed = SEALER.seal(plain, owner)
    assert SEALER.open(sealed, owner) == plain
    assert sealed != SEALER.seal(plain, owner)


@given(st.data())
def test_a_changed_bit_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(SEALER.seal(b"a secret", "row"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Refused, match="Restore"):
        SEALER.open(bytes(sealed), "row")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(40)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Refused):
        SEALER.open(sealed, "row")


def test_a_value_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(Refused, match="authority/b/etcd"):
        SEALER.open(SEALER.seal(b"key", "authority/a/etcd"), "authority/b/etcd")


def test_another_key_does_not_open() -> None:
    other = Sealer(b"\x01" * KEY_BYTES, counted_bytes())
    with pytest.raises(Refused):
        other.open(SEALER.seal(b"", "row"), "row")
    assert not other.opens(SEALER.check())
    assert SEALER.opens(SEALER.check())


def test_a_new_key_file_is_private_and_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seal.key"
    make_key_file(path, os.urandom)
    before = path.read_bytes()
    make_key_file(path, os.urandom)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(load_key(KeySource(KeyKind.FILE, str(path)), SALT)) == KEY_BYTES


def _written(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_key_comes_from_systemd(tmp_path: Path) -> None:
    _written(tmp_path / "fairlead-key", base64.b64encode(b"k" * KEY_BYTES), 0o400)
    source = KeySource(KeyKind.CREDENTIAL)
    assert load_key(source, SALT, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == b"k" * KEY_BYTES
    with pytest.raises(Missing, match="LoadCredentialEncrypted=fairlead-key"):
        load_key(source, SALT, {})


def test_a_key_comes_from_a_passphrase_and_the_databases_salt(tmp_path: Path) -> None:
    source = KeySource(KeyKind.PASSPHRASE, _written(tmp_path / "phrase", b"correct horse battery\n"))
    assert load_key(source, SALT) == load_key(source, SALT) != load_key(source, b"1" * 16)


@pytest.mark.parametrize(
    ("kind", "content", "mode", "error", "says"),
    [
        (KeyKind.FILE, b"not base64!", 0o600, Invalid, "openssl rand -base64 32"),
        (KeyKind.FILE, base64.b64encode(b"short"), 0o600, Invalid, "32 bytes"),
        (KeyKind.FILE, base64.b64encode(bytes(KEY_BYTES)), 0o640, Refused, "chmod 600"),
        (KeyKind.PASSPHRASE, b"too short", 0o600, Invalid, "longer"),
    ],
)
def test_a_bad_key_says_what_to_do(
    tmp_path: Path, kind: KeyKind, content: bytes, mode: int, error: type[FairleadError], says: str
) -> None:
    with pytest.raises(error, match=says):
        load_key(KeySource(kind, _written(tmp_path / "key", content, mode)), SALT)


def test_a_lost_key_says_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"seal\.key.*--key-file"):
        load_key(KeySource(KeyKind.FILE, str(tmp_path / "seal.key")), SALT)


async def test_the_wrong_key_does_not_open_the_database(data: Path, key: KeySource, tmp_path: Path) -> None:
    await SqliteStore.create(data, key).close()
    other = tmp_path / "other.key"
    make_key_file(other, os.urandom)
    with pytest.raises(Refused, match="does not open this database"):
        SqliteStore.open_alone(data, KeySource(KeyKind.FILE, str(other)))
    await SqliteStore.open_alone(data).close()


async def test_a_moved_key_is_said_once(data: Path, key: KeySource, tmp_path: Path) -> None:
    await SqliteStore.create(data, key).close()
    moved = tmp_path / "moved.key"
    os.rename(key.path, moved)  # noqa: PTH104
    with pytest.raises(Missing, match="--key-file"):
        SqliteStore.open_alone(data)
    await SqliteStore.open_alone(data, KeySource(KeyKind.FILE, str(moved))).close()
    await SqliteStore.open_alone(data).close()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_no_secret_lies_in_the_clear_on_the_disk(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    await store.write(lambda r: r.authorities.put(AuthorityRecord("fleet", "fleet", b"public part", b"PRIVATE PART")))
    await store.backup_if_due(1_795_000_000.0)
    files = files_in(data)
    assert any(b"public part" in path.read_bytes() for path in files)
    assert not any(b"PRIVATE PART" in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    await store.close()


def put_authority(repositories: Repositories, record: AuthorityRecord) -> None:
    repositories.authorities.put(record)


async def test_a_value_changed_in_the_database_is_noticed(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    for scope in ("a", "b"):
        await store.write(partial(put_authority, record=AuthorityRecord(scope, "etcd", b"", b"key")))
    with closing(sqlite3.connect(data / "fairlead.db")) as tamperer, tamperer:
        other = "(SELECT sealed_key FROM authority WHERE scope = 'b')"
        tamperer.execute(f"UPDATE authority SET sealed_key = {other} WHERE scope = 'a'")
    with pytest.raises(Refused, match="authority/a/etcd does not open"):
        await store.read(lambda r: r.authorities.get("a", "etcd"))
    await store.close()

"""The one row that ties a database to its sealing key."""

from __future__ import annotations

import os
from collections.abc import Callable

from sqlalchemy import Engine
from sqlmodel import Session

from fairlead_controller.store.keys import SALT_BYTES, KeyKind, KeySource, load_key
from fairlead_controller.store.sealing import Sealer
from fairlead_controller.store.tables import SealRow
from fairlead_wire.errors import Missing, Refused

_ONLY = 1


def establish(engine: Engine, source: KeySource, random_bytes: Callable[[int], bytes]) -> Sealer:
    """Seals a new database with the key at `source`; one that is sealed already is opened with it."""
    with Session(engine) as session, session.begin():
        row = session.get(SealRow, _ONLY)
        if row is None:
            salt = random_bytes(SALT_BYTES)
            sealer = Sealer(load_key(source, salt), random_bytes)
            session.add(_row(source, salt, sealer))
            return sealer
        if source != _source(row):
            raise Refused(
                f"The database is sealed already, with the key in {_place(_source(row))}.",
                "Give that key, or an empty directory.",
            )
        return _opened(row, source)


def unlock(engine: Engine, source: KeySource | None, remember: bool) -> Sealer:
    """The sealer of this database, whose key is at `source` if that is given, and from now on with `remember`.

    Raises Missing if the key is not there, Refused if it is another one.
    """
    with Session(engine) as session, session.begin():
        row = session.get(SealRow, _ONLY)
        if row is None:
            raise Missing("The database holds no fleet.", "Run `fairlead-controller init` again on this directory.")
        sealer = _opened(row, source or _source(row))
        if remember and source not in (None, _source(row)):
            session.merge(_row(source or _source(row), row.salt, sealer))
        return sealer


def _opened(row: SealRow, source: KeySource) -> Sealer:
    sealer = Sealer(load_key(source, row.salt), os.urandom)
    if not sealer.opens(row.sealed_check):
        raise Refused(
            f"The key in {_place(source)} does not open this database.",
            "Put back the key that it was sealed with, or say where it is with --key-file.",
        )
    return sealer


def _place(source: KeySource) -> str:
    return source.path or f"systemd's {source.kind.value}"


def _source(row: SealRow) -> KeySource:
    return KeySource(KeyKind(row.kind), row.path)


def _row(source: KeySource, salt: bytes, sealer: Sealer) -> SealRow:
    return SealRow(id=_ONLY, kind=source.kind.value, path=source.path, salt=salt, sealed_check=sealer.check())

"""SQLite as the store wants it: WAL, foreign keys, transactions that begin when we say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

DATABASE = "fairlead.db"
# Only `admin-cert` and a backup ever compete with the one writer, for milliseconds.
BUSY_SECONDS = 10
READERS = 4


def writer(path: Path, synchronous: str) -> Engine:
    """Transactions that write. `synchronous`: FULL survives a power cut, NORMAL may lose the newest of it."""
    return _engine(path, "BEGIN IMMEDIATE", {"journal_mode": "WAL", "synchronous": synchronous}, connections=1)


def reader(path: Path) -> Engine:
    """Transactions that see one state of the database, whatever the writer does meanwhile."""
    return _engine(path, "BEGIN", {"query_only": "ON"}, READERS)


def in_memory() -> Engine:
    """One connection to a database of its own, for tests."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    return _configured(engine, "BEGIN", {})


def _engine(path: Path, begin: str, pragmas: dict[str, str], connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        pool_size=connections,
        max_overflow=0,
    )
    return _configured(engine, begin, pragmas)


def _configured(engine: Engine, begin: str, pragmas: dict[str, str]) -> Engine:
    settings = {"busy_timeout": str(BUSY_SECONDS * 1000), "foreign_keys": "ON", **pragmas}

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # Python's sqlite3 would begin transactions at the first change only, so that reads before it see two states.
        connection.isolation_level = None
        for name, value in settings.items():
            connection.execute(f"PRAGMA {name}={value}")

    @event.listens_for(engine, "begin")
    def begin_now(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

"""The store on SQLite: one thread writes, a few read, everything else awaits them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from fairlead_controller.store import backup, migrate, seal
from fairlead_controller.store.assignments import Opened
from fairlead_controller.store.engine import DATABASE, READERS, reader, writer
from fairlead_controller.store.faults import StorageFault, translated
from fairlead_controller.store.keys import KeySource
from fairlead_controller.store.lock import DataLock
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.repositories import SqlRepositories
from fairlead_controller.store.sealing import Sealer
from fairlead_wire.errors import Missing, Refused

T = TypeVar("T")


@dataclass(frozen=True)
class _Engines:
    """`lasting`: what a power cut must not take; `passing`: what agents report again anyway; `reading`: nothing new."""

    lasting: Engine
    passing: Engine
    reading: Engine

    def dispose(self) -> None:
        for engine in (self.lasting, self.passing, self.reading):
            engine.dispose()


class SqliteStore:
    """The database in a data directory. Open it with `create`, `open_alone` or `open_beside`."""

    def __init__(self, data: Path, engines: _Engines, sealer: Sealer, lock: DataLock | None) -> None:
        self._data = data
        self._engines = engines
        self._sealer = sealer
        self._lock = lock
        self._opened: Opened = {}
        self._writing = ThreadPoolExecutor(1, "store-write")
        self._reading = ThreadPoolExecutor(READERS, "store-read")

    @staticmethod
    def create(data: Path, key: KeySource, random_bytes: Callable[[int], bytes] = os.urandom) -> SqliteStore:
        """For `init`: makes the database if there is none, sealed with the key at `key`."""
        with translated(data), ExitStack() as undo:
            lock = _locked(data, undo)
            _touch(data / DATABASE)
            engines = _engines(data, undo)
            _upgrade(data, engines.lasting)
            return _kept(data, engines, seal.establish(engines.lasting, key, random_bytes), lock, undo)

    @staticmethod
    def open_alone(data: Path, key: KeySource | None = None) -> SqliteStore:
        """For `serve`: the only controller on this data, migrated. `key`: where the key lies now, if it was moved.

        Raises Refused while another controller runs, Missing if there is no database, StorageFault.
        """
        require_database(data)
        with translated(data), ExitStack() as undo:
            lock = _locked(data, undo)
            engines = _engines(data, undo)
            _upgrade(data, engines.lasting)
            return _kept(data, engines, seal.unlock(engines.lasting, key, remember=True), lock, undo)

    @staticmethod
    def open_beside(data: Path, key: KeySource | None = None) -> SqliteStore:
        """For `admin-cert`: beside a controller that may be running; the tables must be this release's already."""
        require_database(data)
        with translated(data), ExitStack() as undo:
            engines = _engines(data, undo)
            _require_newest(engines.reading)
            return _kept(data, engines, seal.unlock(engines.lasting, key, remember=False), None, undo)

    async def read(self, work: Callable[[Repositories], T]) -> T:
        return await self._within(self._reading, self._engines.reading, work)

    async def write(self, work: Callable[[Repositories], T]) -> T:
        return await self._within(self._writing, self._engines.lasting, work)

    async def note(self, work: Callable[[Repositories], T]) -> T:
        return await self._within(self._writing, self._engines.passing, work)

    async def backup_if_due(self, now: float) -> Path | None:
        """Today's backup, if there is none yet. Raises StorageFault."""
        return await asyncio.to_thread(backup.backup_if_due, self._data, now)

    async def close(self) -> None:
        """Ends after the work that was begun."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._engines.dispose()
        if self._lock is not None:
            self._lock.release()

    async def _within(self, pool: ThreadPoolExecutor, engine: Engine, work: Callable[[Repositories], T]) -> T:
        try:
            future = pool.submit(self._perform, engine, work)
        except RuntimeError:
            raise StorageFault("The controller is stopping.", "Try again when it runs.") from None
        return await asyncio.wrap_future(future)

    def _perform(self, engine: Engine, work: Callable[[Repositories], T]) -> T:
        with translated(self._data), Session(engine) as session, session.begin():
            return work(SqlRepositories(session, self._sealer, self._opened))


def _locked(data: Path, undo: ExitStack) -> DataLock:
    lock = DataLock(data)
    undo.callback(lock.release)
    return lock


def _engines(data: Path, undo: ExitStack) -> _Engines:
    path = data / DATABASE
    engines = _Engines(writer(path, "FULL"), writer(path, "NORMAL"), reader(path))
    undo.callback(engines.dispose)
    return engines


def _kept(data: Path, engines: _Engines, sealer: Sealer, lock: DataLock | None, undo: ExitStack) -> SqliteStore:
    """The store, which closes from now on what `undo` would have closed."""
    undo.pop_all()
    return SqliteStore(data, engines, sealer, lock)


def require_database(data: Path) -> None:
    """Raises Missing unless there is one."""
    if not (data / DATABASE).is_file():
        raise Missing(
            f"There is no fleet in {data}.",
            f"Make one with `fairlead-controller init --data {data} --address ADDRESS`, or correct --data.",
        )


def _touch(path: Path) -> None:
    """SQLite gives its other files the mode of this one."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _upgrade(data: Path, engine: Engine) -> None:
    with engine.connect() as connection:
        before = migrate.current(connection)
    if before not in ("", migrate.newest()):
        backup.copy_to(data, data / backup.FOLDER / f"before-{migrate.newest()}.db")
    with engine.begin() as connection:
        migrate.upgrade(connection)


def _require_newest(engine: Engine) -> None:
    with engine.connect() as connection:
        if migrate.current(connection) != migrate.newest():
            raise Refused("The database is of another release.", "Run `fairlead-controller serve` of this one first.")

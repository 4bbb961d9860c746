"""A store in memory: the same repositories, work run in place, no thread, no file."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session

from fairlead_controller.store.assignments import Opened
from fairlead_controller.store.engine import in_memory
from fairlead_controller.store.faults import translated
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.repositories import SqlRepositories
from fairlead_controller.store.sealing import KEY_BYTES, Sealer
from fairlead_controller.store.tables import Row

T = TypeVar("T")


def counted_bytes() -> Callable[[int], bytes]:
    """Random bytes that are the same in every run and never twice the same in one."""
    count = itertools.count()
    return lambda size: hashlib.shake_128(str(next(count)).encode()).digest(size)


class MemoryStore:
    """Implements `store.port.Store`."""

    def __init__(self) -> None:
        self._engine = in_memory()
        self._sealer = Sealer(bytes(KEY_BYTES), counted_bytes())
        self._opened: Opened = {}
        Row.metadata.create_all(self._engine)

    def now(self, work: Callable[[Repositories], T]) -> T:
        """`write` without awaiting, to arrange a test."""
        with translated("memory"), Session(self._engine) as session, session.begin():
            return work(SqlRepositories(session, self._sealer, self._opened))

    def copied(self) -> MemoryStore:
        """A store of its own with all that is in this one now: a backup."""
        made = MemoryStore()
        source, target = self._engine.raw_connection(), made._engine.raw_connection()
        assert source.driver_connection is not None
        source.driver_connection.backup(target.driver_connection)
        return made

    async def read(self, work: Callable[[Repositories], T]) -> T:
        return self.now(work)

    async def write(self, work: Callable[[Repositories], T]) -> T:
        return self.now(work)

    async def note(self, work: Callable[[Repositories], T]) -> T:
        return self.now(work)

    async def close(self) -> None:
        self._engine.dispose()

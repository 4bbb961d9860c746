"""The controller's database: it outlives every controller, takes its time, and its disk can be full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from fairlead_controller.model.operation import Operation, OperationState
from fairlead_controller.store.faults import StorageFault
from fairlead_controller.store.port import Repositories
from fairlead_testing.simulation.process import Process
from fairlead_testing.simulation.tables import TableRepositories, Tables
from fairlead_wire.assignment import Assignment

T = TypeVar("T")


class Transactions(Protocol):
    """What lies on the disk. `stores.MemoryStore` is one as well."""

    def now(self, work: Callable[[Repositories], T]) -> T:
        """Runs `work` in one transaction; an exception undoes all of it."""
        ...


class TableStore:
    """Transactions over dictionaries."""

    def __init__(self) -> None:
        self._tables = Tables()

    def now(self, work: Callable[[Repositories], T]) -> T:
        draft = self._tables.copy()
        result = work(TableRepositories(draft))
        self._tables = draft
        return result


@dataclass
class Database:
    """`full`: nothing can be written. `assigned` hears of every assignment that a commit has changed, `settled` of
    every operation that it has ended."""

    disk: Transactions
    full: bool = False
    commits: int = 0
    assigned: Callable[[str, Assignment], None] = lambda node_id, assignment: None
    settled: Callable[[Operation], None] = lambda operation: None
    committed: Callable[[int], None] = lambda number: None
    _ended: set[str] = field(default_factory=set)
    _told: dict[str, Assignment] = field(default_factory=dict)
    _busy_until: float = 0.0

    def turn(self, delay: float) -> float:
        """Seconds until a transaction that takes so long has its turn: they run in the order of their calls."""
        now = asyncio.get_running_loop().time()
        self._busy_until = max(self._busy_until + 1e-6, now + delay)
        return self._busy_until - now

    def now(self, work: Callable[[Repositories], T]) -> T:
        """Reads, for whoever looks at the simulation from outside."""
        return self.disk.now(work)

    def commit(self, work: Callable[[Repositories], T]) -> T:
        if self.full:
            raise StorageFault("The disk of the controller is full: nothing was changed.", "Free some space there.")
        result = self.disk.now(work)
        self.commits += 1
        self._tell()
        self.committed(self.commits)
        return result

    def _tell(self) -> None:
        assignments, operations = self.disk.now(_changeable)
        for node_id, assignment in assignments.items():
            if self._told.get(node_id) != assignment:
                self._told[node_id] = assignment
                self.assigned(node_id, assignment)
        for operation in operations:
            if operation.state is not OperationState.RUNNING and operation.id not in self._ended:
                self._ended.add(operation.id)
                self.settled(operation)


def _changeable(repositories: Repositories) -> tuple[dict[str, Assignment], tuple[Operation, ...]]:
    held = {node.id: repositories.assignments.get(node.id) for node in repositories.nodes.all()}
    return held, repositories.operations.all()


@dataclass(frozen=True)
class StoreHandle:
    """One controller's use of the database: it dies with it, before or after a commit. Implements `Store`."""

    database: Database
    process: Process
    delay: Callable[[], float]

    async def read(self, work: Callable[[Repositories], T]) -> T:
        await asyncio.sleep(self.database.turn(self.delay()))
        self.process.check()
        return self.database.now(work)

    async def write(self, work: Callable[[Repositories], T]) -> T:
        await asyncio.sleep(self.database.turn(self.delay()))
        self.process.check()
        result = self.database.commit(work)
        await asyncio.sleep(self.delay())
        return result

    async def note(self, work: Callable[[Repositories], T]) -> T:
        return await self.write(work)

    async def close(self) -> None:
        pass

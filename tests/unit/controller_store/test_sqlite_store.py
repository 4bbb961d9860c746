"""What only the file store can show: locks, migrations, backups, disks that are full."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.pool import Pool

from fairlead_controller.model.event import Event
from fairlead_controller.store import migrate
from fairlead_controller.store.engine import in_memory
from fairlead_controller.store.faults import StorageFault
from fairlead_controller.store.keys import KeySource
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_controller.store.tables import Row
from fairlead_wire.errors import Missing, Refused

DAY = 86_400.0
NOW = 1_795_000_000.0


def log(message: str) -> Any:
    return lambda r: r.events.append(Event("k", message), NOW)


async def messages(store: SqliteStore) -> list[str]:
    return [event.message for event in await store.read(lambda r: r.events.page())]


def test_the_migrations_make_the_tables_of_this_release() -> None:
    engine = in_memory()
    with engine.begin() as connection:
        migrate.upgrade(connection)
        migrate.upgrade(connection)
        assert migrate.current(connection) == migrate.newest() != ""
        assert compare_metadata(MigrationContext.configure(connection), Row.metadata) == []
    engine.dispose()


async def test_a_database_of_a_newer_release_is_left_alone(data: Path, key: KeySource) -> None:
    await SqliteStore.create(data, key).close()
    with closing(sqlite3.connect(data / "fairlead.db")) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Refused, match="newer Fairlead"):
        SqliteStore.open_alone(data)
    with pytest.raises(Refused, match="another release"):
        SqliteStore.open_beside(data)


async def test_what_was_written_is_there_after_a_restart(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    await store.write(log("kept"))
    await store.close()
    again = SqliteStore.open_alone(data)
    assert await messages(again) == ["kept"]
    await again.close()


async def test_a_second_controller_is_refused_and_a_certificate_can_be_issued(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    with pytest.raises(Refused, match=r"Another controller \(process \d+\) already runs.*Stop it first"):
        SqliteStore.open_alone(data)
    beside = SqliteStore.open_beside(data)
    await asyncio.gather(store.write(log("controller")), beside.write(log("beside")))
    assert sorted(await messages(store)) == ["beside", "controller"]
    await beside.close()
    await store.close()
    await SqliteStore.open_alone(data).close()


async def test_a_start_that_fails_leaves_no_lock_behind(data: Path, key: KeySource) -> None:
    await SqliteStore.create(data, key).close()
    hidden = data / "hidden"
    os.rename(key.path, hidden)  # noqa: PTH104
    with pytest.raises(Missing):
        SqliteStore.open_alone(data)
    os.rename(hidden, key.path)  # noqa: PTH104
    await SqliteStore.open_alone(data).close()


def test_no_database_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="fairlead-controller init"):
        SqliteStore.open_alone(tmp_path)


async def test_a_file_that_is_no_database_says_so(data: Path) -> None:
    (data / "fairlead.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFault, match="is no database"):
        SqliteStore.open_alone(data)


async def test_a_failed_transaction_leaves_nothing(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)

    def half(r: Any) -> None:
        r.events.append(Event("k", "half"), NOW)
        raise ValueError("the other half")

    with pytest.raises(ValueError, match="the other half"):
        await store.write(half)
    assert await messages(store) == []
    await store.close()


async def test_a_read_sees_one_state_while_another_is_written(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    began, written = threading.Event(), threading.Event()

    def look_twice(r: Any) -> tuple[int, int]:
        first = r.events.newest_id()
        began.set()
        assert written.wait(10)
        return first, r.events.newest_id()

    reading = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(began.wait, 10)
    await store.write(log("meanwhile"))
    written.set()
    assert await reading == (0, 0)
    assert await messages(store) == ["meanwhile"]
    await store.close()


async def test_a_read_cannot_write(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    with pytest.raises(StorageFault, match="can't be written"):
        await store.read(log("no"))
    await store.close()


async def test_many_writers_lose_nothing(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    await asyncio.gather(*((store.write if n % 2 else store.note)(log(str(n))) for n in range(100)))
    assert sorted(await messages(store), key=int) == [str(n) for n in range(100)]
    await store.close()


async def test_after_the_end_nothing_is_accepted(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    await store.close()
    with pytest.raises(StorageFault, match="stopping"):
        await store.write(log("late"))


@contextmanager
def small_disk(pages: int) -> Iterator[None]:
    """Every connection made inside has room for so many pages of 4 KiB, as a disk that fills up."""

    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(Pool, "connect", limit)
    try:
        yield
    finally:
        event.remove(Pool, "connect", limit)


async def test_a_full_disk_says_so_keeps_what_was_there_and_recovers(data: Path, key: KeySource) -> None:
    await SqliteStore.create(data, key).close()
    with small_disk(60):
        store = SqliteStore.open_alone(data)
        with pytest.raises(StorageFault, match=r"full: nothing was changed\. Free some space"):
            await store.write(lambda r: [log("x" * 10_000)(r) for _ in range(100)])
        assert await messages(store) == []
        await store.write(log("small enough"))
        assert await messages(store) == ["small enough"]
        await store.close()


async def test_a_backup_a_day_is_kept_for_a_week(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    await store.write(log("precious"))
    for day in range(10):
        made = await store.backup_if_due(NOW + day * DAY)
        assert made is not None
        assert await store.backup_if_due(NOW + day * DAY + 60) is None
    kept = sorted(path.name for path in (data / "backups").iterdir())
    assert kept == [f"fairlead-202611{day}.db" for day in range(21, 28)]
    with closing(sqlite3.connect(data / "backups" / kept[-1])) as copy:
        assert copy.execute("SELECT message FROM event").fetchall() == [("precious",)]
    await store.close()


async def test_a_day_that_a_wrong_clock_named_costs_no_backup(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    ahead = await store.backup_if_due(NOW + 300 * DAY)
    for day in range(8):
        made = await store.backup_if_due(NOW + day * DAY)
        assert made is not None
        assert made.exists()
    kept = sorted(path.name for path in (data / "backups").iterdir())
    assert ahead is not None
    assert kept == [*(f"fairlead-202611{day}.db" for day in range(19, 26)), ahead.name]
    await store.close()


async def test_a_backup_that_fails_leaves_no_half_file(data: Path, key: KeySource) -> None:
    store = SqliteStore.create(data, key)
    (data / "backups").write_text("in the way")
    with pytest.raises(StorageFault, match="No backup was made"):
        await store.backup_if_due(NOW)
    (data / "backups").unlink()
    assert await store.backup_if_due(NOW) is not None
    assert len(list((data / "backups").iterdir())) == 1
    await store.close()


async def test_a_restored_backup_opens_with_the_same_key(data: Path, key: KeySource, tmp_path: Path) -> None:
    store = SqliteStore.create(data, key)
    await store.write(log("precious"))
    made = await store.backup_if_due(NOW)
    await store.close()
    assert made is not None
    restored = tmp_path / "restored"
    restored.mkdir()
    made.rename(restored / "fairlead.db")
    again = SqliteStore.open_alone(restored)
    assert await messages(again) == ["precious"]
    await again.close()

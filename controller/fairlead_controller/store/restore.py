"""Puts a backup where the database is. What was there stays beside it, under a name with the time."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fairlead_controller.private_file import flush_file, flush_folder
from fairlead_controller.store import backup
from fairlead_controller.store.engine import BUSY_SECONDS, DATABASE
from fairlead_controller.store.faults import StorageFault
from fairlead_wire.errors import Invalid, Missing

SCRATCH = "restoring"
# SQLite's own files beside the database.
_BESIDE = ("", "-wal", "-shm")


def held_fleet(data: Path) -> tuple[str, int] | None:
    """Identifier and generation of the fleet in `data`; None if nothing can be read there: a reason to restore."""
    database = data / DATABASE
    if not database.is_file():
        return None
    try:
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
            row = connection.execute("SELECT id, generation FROM fleet").fetchone()
    except sqlite3.Error:
        return None
    return (str(row[0]), int(row[1])) if row else None


@contextmanager
def scratch(data: Path) -> Iterator[Path]:
    """A folder on the same disk as the database, gone afterwards. What an interrupted restore left is no loss."""
    folder = data / SCRATCH
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    except OSError as error:
        raise StorageFault(
            f"The backup can't be put into {data}: {error.strerror}; nothing was changed.",
            "Free some space there, or check the disk.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_from(source: Path, folder: Path) -> None:
    """A checked copy of the backup as the database of `folder`. Raises Missing, Invalid."""
    if not source.is_file():
        raise Missing(f"There is no backup {source}.", "See the files in `backups` of the controller's data directory.")
    target = folder / DATABASE
    target.touch(0o600)
    try:
        backup.vacuum_into(source, target)
    except sqlite3.Error as error:
        raise Invalid(f"{source} is no backup of a controller: {error}.", "Give another file with --from.") from None


def put_in_place(data: Path, folder: Path, stamp: str) -> Path | None:
    """Renames the database of `folder` to that of `data`; where the one before it is now, None if there was none.

    The lock on `data` must be held. Interrupted between two renames, `data` has no database, and the restore can be
    run again.
    """
    _fold_log_in(folder / DATABASE)
    flush_file(folder / DATABASE)
    aside = _set_aside(data, stamp)
    (folder / DATABASE).rename(data / DATABASE)
    flush_folder(data)
    return aside


def _set_aside(data: Path, stamp: str) -> Path | None:
    there = [suffix for suffix in _BESIDE if (data / f"{DATABASE}{suffix}").exists()]
    aside = _free_name(data, f"{DATABASE}.replaced-{stamp}")
    for suffix in there:
        # A log without its database is of no use to anybody; with it, it may hold the newest changes.
        (data / f"{DATABASE}{suffix}").rename(f"{aside}{suffix}")
    return aside if "" in there else None


def _free_name(data: Path, name: str) -> Path:
    number, path = 1, data / name
    while path.exists():
        number, path = number + 1, data / f"{name}.{number}"
    return path


def _fold_log_in(database: Path) -> None:
    """Everything in one file, which can then be renamed alone."""
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")

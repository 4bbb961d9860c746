"""Copies of the database, one a day, seven kept. The sealing key is not in them: keep a copy of it elsewhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from fairlead_controller.private_file import flush_file, flush_folder
from fairlead_controller.store.engine import BUSY_SECONDS, DATABASE
from fairlead_controller.store.faults import StorageFault

FOLDER = "backups"
KEPT = 7
_DAILY = "fairlead-[0-9]*.db"


def backup_if_due(data: Path, now: float) -> Path | None:
    """Today's copy (days of UTC), if there is none yet. Raises StorageFault; a copy is there whole or not at all."""
    target = data / FOLDER / f"fairlead-{datetime.fromtimestamp(now, UTC):%Y%m%d}.db"
    try:
        if target.exists():
            return None
        copy_to(data, target)
        # What a clock that was ahead has dated counts once its day has come.
        made = sorted(path for path in target.parent.glob(_DAILY) if path.name <= target.name)
        for old in made[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFault(f"{target.parent} can't be looked through: {error}.", "Check that disk or mount.") from error
    return target


def copy_to(data: Path, target: Path) -> None:
    """A consistent, compact copy of the running database, checked, 0600."""
    beside = target.with_suffix(".part")
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        beside.unlink(missing_ok=True)
        beside.touch(0o600)
        vacuum_into(data / DATABASE, beside)
        flush_file(beside)
        beside.rename(target)
        flush_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageFault(
            f"No backup was made in {target.parent}: {error}.", "Free some space there, or check the disk."
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def vacuum_into(database: Path, target: Path) -> None:
    """Copies the database at `database` into the empty file `target` and checks the copy. Raises sqlite3.Error."""
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as source:
        source.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target)) as copy:
        verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")

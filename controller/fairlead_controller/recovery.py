"""Backup and restore of the controller's database, on the controller's own machine.

A restored database knows less than the agents do. So it raises the fleet's generation and only observes: nothing is
changed anywhere until an admin has seen what it would do and confirms it (`fairlead fleet confirm`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import FleetRecord
from fairlead_controller.ports import Clock
from fairlead_controller.setup import issuer, make_folder
from fairlead_controller.store import backup as copies
from fairlead_controller.store import restore as places
from fairlead_controller.store.keys import KeySource
from fairlead_controller.store.lock import DataLock
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.sqlite_store import SqliteStore, require_database
from fairlead_wire.errors import Exists, Refused


@dataclass(frozen=True)
class Restored:
    """`replaced`: where the database is that was there before, None if there was none; `revoked`: join tokens."""

    fleet: FleetRecord
    replaced: Path | None
    revoked: int


def backup(data: Path, out: Path | None, clock: Clock) -> Path:
    """A copy of the database, also while the controller runs; where it is. Raises Missing, Exists, StorageFault."""
    require_database(data)
    target = out or data / copies.FOLDER / f"by-hand-{_stamp(clock.now())}.db"
    if target.exists():
        raise Exists(f"{target} exists already.", "Give another --out, or remove it.")
    copies.copy_to(data, target)
    return target


async def restore(data: Path, source: Path, key: KeySource | None, clock: Clock) -> Restored:
    """Puts the backup `source` in the place of the database of `data`, which is kept beside it.

    Raises Refused while a controller runs on `data` or for the backup of another fleet; Missing, Invalid, StorageFault.
    """
    make_folder(data)
    lock = DataLock(data)
    try:
        return await _restore(data, source, key, clock)
    finally:
        lock.release()


async def _restore(data: Path, source: Path, key: KeySource | None, clock: Clock) -> Restored:
    held = await asyncio.to_thread(places.held_fleet, data)
    with places.scratch(data) as folder:
        await asyncio.to_thread(places.copy_from, source, folder)
        store = SqliteStore.open_alone(folder, key)
        try:
            fleet, revoked = await store.write(lambda repositories: renew(repositories, source, held, clock.now()))
        finally:
            await store.close()
        replaced = await asyncio.to_thread(places.put_in_place, data, folder, _stamp(clock.now()))
    return Restored(fleet, replaced, revoked)


def renew(
    repositories: Repositories, source: Path, held: tuple[str, int] | None, now: float
) -> tuple[FleetRecord, int]:
    """What makes the database of a backup a restored one; `held` is the fleet of the database that it replaces.

    The generation rises above every one that is known here; agents that have seen a higher one tell of it.
    """
    fleet, _ = issuer(repositories, source)
    identifier, generation = held or (fleet.id, 0)
    if identifier != fleet.id:
        raise Refused(
            f"The backup is of fleet {fleet.id}, and the database there is of fleet {identifier}.",
            "Give an empty directory with --data, or a backup of that fleet.",
        )
    restored = replace(fleet, generation=max(fleet.generation, generation) + 1, restored_at=now)
    repositories.fleets.put(restored)
    revoked = _revoke_tokens(repositories, now)
    said = (
        f"The database was restored from {source.name}; the fleet's generation is {restored.generation} now. "
        "Nothing is changed until an admin confirms it."
    )
    repositories.events.append(Event("database-restored", said), now)
    return restored, revoked


def _revoke_tokens(repositories: Repositories, now: float) -> int:
    """A token that was not used when the backup was made may have been used since, and works once."""
    unused = [token for token in repositories.tokens.all() if not token.used_at and not token.revoked_at]
    open_now = [token for token in unused if token.expires_at > now]
    for token in open_now:
        repositories.tokens.revoke(token.id, now)
    return len(open_now)


def _stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"

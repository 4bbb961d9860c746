"""What the controller does by the calendar: a backup a day, and an event log that does not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from fairlead_controller.model.event import Event
from fairlead_controller.ports import Clock
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.errors import FairleadError

_log = structlog.get_logger(__name__)

HOUR = 3600.0
EVENT_DAYS = 90


class Backups(Protocol):
    async def backup_if_due(self, now: float) -> Path | None: ...


async def keep_up(
    store: Store, backups: Backups, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Looks every hour whether something is due; endless."""
    while True:
        await once(store, backups, clock.now())
        await sleep(HOUR)


async def once(store: Store, backups: Backups, now: float) -> None:
    """Does what is due. What fails is told, and tried again an hour later."""
    try:
        made = await backups.backup_if_due(now)
        gone = await store.write(lambda repositories: _prune(repositories, now - EVENT_DAYS * 24 * HOUR))
    except FairleadError as error:
        _log.error("upkeep failed", error=error.message, next_step=error.next_step)
        await _tell(store, error, now)
        return
    if made is not None or gone:
        _log.info("upkeep", backup=str(made or ""), old_events_removed=gone)


def _prune(repositories: Repositories, before: float) -> int:
    """Nothing if all of it is that old: then it is rather the clock that is wrong."""
    newest = repositories.events.page(limit=1)
    return repositories.events.prune(before) if newest and newest[-1].at >= before else 0


async def _tell(store: Store, error: FairleadError, now: float) -> None:
    try:
        await store.write(lambda repositories: repositories.events.append(Event("upkeep-failed", str(error)), now))
    except FairleadError:
        _log.error("the event log can't be written either")

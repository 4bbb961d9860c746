from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fairlead_controller.logs import redact
from fairlead_controller.model.event import Event
from fairlead_controller.ports import Clock
from fairlead_controller.store.faults import StorageFault
from fairlead_controller.upkeep import EVENT_DAYS, HOUR, keep_up, once
from fairlead_testing.stores import MemoryStore, counted_bytes

NOW = 1_795_000_000.0


class Backups:
    """Takes note of when it was asked."""

    def __init__(self, fault: StorageFault | None = None) -> None:
        self.asked: list[float] = []
        self.fault = fault

    async def backup_if_due(self, now: float) -> Path | None:
        self.asked.append(now)
        if self.fault is not None:
            raise self.fault
        return None


async def test_events_older_than_ninety_days_go() -> None:
    store = MemoryStore()
    store.now(lambda r: r.events.append(Event("old", "m"), NOW - EVENT_DAYS * 24 * HOUR - 1))
    store.now(lambda r: r.events.append(Event("new", "m"), NOW - EVENT_DAYS * 24 * HOUR + 1))
    await once(store, Backups(), NOW)
    assert [event.kind for event in store.now(lambda r: r.events.page())] == ["new"]


async def test_a_clock_far_ahead_takes_no_events_away() -> None:
    store = MemoryStore()
    store.now(lambda r: r.events.append(Event("yesterday", "m"), NOW - 24 * HOUR))
    await once(store, Backups(), NOW + 2 * EVENT_DAYS * 24 * HOUR)
    assert [event.kind for event in store.now(lambda r: r.events.page())] == ["yesterday"]


async def test_a_backup_that_fails_is_told_and_tried_again() -> None:
    store, backups = MemoryStore(), Backups(StorageFault("The disk is full.", "Free some space."))
    with capture_logs() as logs:
        await once(store, backups, NOW)
    assert [(line["log_level"], line["error"]) for line in logs] == [("error", "The disk is full.")]
    assert store.now(lambda r: r.events.page())[-1].message == "The disk is full. Free some space."
    backups.fault = None
    await once(store, backups, NOW + HOUR)
    assert backups.asked == [NOW, NOW + HOUR]


async def test_it_looks_every_hour() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise InterruptedError

    backups = Backups()
    with pytest.raises(InterruptedError):
        await keep_up(MemoryStore(), backups, Clock(lambda: NOW + sum(slept), counted_bytes()), sleep)
    assert backups.asked == [NOW, NOW + HOUR, NOW + 2 * HOUR]


@pytest.mark.parametrize(
    ("name", "shown"), [("token_secret", False), ("private_key", False), ("token_id", True), ("node", True)]
)
def test_values_with_secret_names_are_not_logged(name: str, shown: bool) -> None:
    assert (redact(None, "info", {name: "value"})[name] == "value") is shown

"""The controller's life: open the store, build the rooms, listen, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from fairlead_controller.build import build
from fairlead_controller.config import Serving, port_of
from fairlead_controller.listeners import Listeners, open_listeners
from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord
from fairlead_controller.pki.authority import server_certificate
from fairlead_controller.pki.signing import Stamp
from fairlead_controller.ports import Clock
from fairlead_controller.setup import issuer
from fairlead_controller.store.keys import KeySource
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_controller.upkeep import keep_up
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import key_pem, new_key

_log = structlog.get_logger(__name__)


async def serve(serving: Serving, key: KeySource | None, clock: Clock) -> None:
    """Runs the controller until SIGTERM or SIGINT. Raises FairleadError when it can't start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(serving, key, clock) as listeners:
        _log.info("serving", enrolment=listeners.enrolment_endpoint, fleet=listeners.fleet_endpoint)
        await stop.wait()
        _log.info("stopping")
    _log.info("stopped")


@asynccontextmanager
async def running(serving: Serving, key: KeySource | None, clock: Clock) -> AsyncIterator[Listeners]:
    """A controller that serves inside the block. Closed in the reverse of the order in which it was built."""
    async with AsyncExitStack() as stack:
        store = await asyncio.to_thread(SqliteStore.open_alone, serving.data, key)
        stack.push_async_callback(store.close)
        fleet, authority = await store.read(lambda repositories: issuer(repositories, serving.data))
        rooms = build(store, clock)
        stack.push_async_callback(rooms.close)
        await rooms.start()
        enrol_port = serving.enrol_port or port_of(fleet.enrolment_endpoint)
        fleet_port = serving.fleet_port or port_of(fleet.fleet_endpoint)
        mine = _credentials(fleet, authority, clock)
        listeners = await open_listeners(rooms, mine, serving.listen, enrol_port, fleet_port)
        stack.push_async_callback(listeners.stop)
        upkeep = asyncio.create_task(keep_up(store, store, clock), name="upkeep")
        upkeep.add_done_callback(_tell_end("upkeep"))
        stack.push_async_callback(_cancelled, upkeep)
        yield listeners


def _credentials(fleet: FleetRecord, authority: AuthorityRecord, clock: Clock) -> Credentials:
    """A fresh key and certificate at each start: nothing of them is ever on a disk."""
    key = new_key()
    chain = server_certificate(authority, fleet.id, key.public_key(), Stamp.of(clock))
    return Credentials(fleet.id, authority.certificate, chain, key_pem(key))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _tell_end(name: str) -> Callable[[asyncio.Task[None]], None]:
    def told(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a background task died", task=name, exc_info=error)

    return told

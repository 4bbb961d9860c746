"""The controller's life: open the store, build the rooms, listen, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from fairlead_controller.build import build
from fairlead_controller.config import Serving, endpoint, host_of, port_of
from fairlead_controller.images.fleet_images import StoredImages
from fairlead_controller.images.registry_process import Registry, RegistryProcess
from fairlead_controller.listeners import Listeners, open_listeners
from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord
from fairlead_controller.pki.authority import registry_certificate
from fairlead_controller.pki.own_certificate import OwnCertificate
from fairlead_controller.pki.signing import Stamp
from fairlead_controller.ports import Clock
from fairlead_controller.setup import issuer
from fairlead_controller.store.keys import KeySource
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_controller.upkeep import keep_up
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import key_pem, new_key

_log = structlog.get_logger(__name__)

IMAGES = "registry"  # in the data folder


async def serve(serving: Serving, key: KeySource | None, clock: Clock) -> None:
    """Runs the controller until SIGTERM or SIGINT. Raises FairleadError when it can't start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(serving, key, clock) as listeners:
        _log.info("serving", enrolment=listeners.enrolment_endpoint, fleet=listeners.fleet_endpoint)
        if serving.registry is None:
            _log.warning("no registry: nodes get no images from here", next_step="Say --registry PROGRAM.")
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
        images = StoredImages((serving.data / IMAGES).absolute(), clock.now)  # the registry runs in another folder
        stack.push_async_callback(images.close)
        await images.open()
        rooms = build(store, clock, images)
        stack.push_async_callback(rooms.close)
        await rooms.start()
        enrol_port = serving.enrol_port or port_of(fleet.enrolment_endpoint)
        fleet_port = serving.fleet_port or port_of(fleet.fleet_endpoint)
        mine = OwnCertificate(fleet.id, authority, clock)
        listeners = await open_listeners(rooms, mine.held, serving.listen, enrol_port, fleet_port)
        stack.push_async_callback(listeners.stop)
        _keep(stack, "upkeep", keep_up(store, store, clock))
        _keep(stack, "sweep of images", images.keep_swept())
        if serving.registry is not None:
            registry = _registry(serving, serving.registry, images.folder, fleet, authority, clock)
            _keep(stack, "registry", RegistryProcess(registry, images.serve_at).run())
        yield listeners


def _registry(
    serving: Serving, program: Path, root: Path, fleet: FleetRecord, authority: AuthorityRecord, clock: Clock
) -> Registry:
    host = host_of(fleet.fleet_endpoint)

    def credentials() -> Credentials:
        key = new_key()
        chain = registry_certificate(authority, fleet.id, host, key.public_key(), Stamp.of(clock))
        return Credentials(fleet.id, authority.certificate, chain, key_pem(key))

    at = endpoint(host, serving.registry_port)
    return Registry(program, root, serving.listen, serving.registry_port, at, credentials)


def _keep(stack: AsyncExitStack, name: str, work: Coroutine[Any, Any, None]) -> None:
    """Runs endless work beside the rest, until the stack is closed."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell_end(name))
    stack.push_async_callback(_cancelled, task)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _tell_end(name: str) -> Callable[[asyncio.Task[None]], None]:
    def told(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a background task died", task=name, exc_info=error)

    return told

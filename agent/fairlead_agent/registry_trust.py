"""What Docker needs to reach the fleet's registries: /etc/docker/certs.d/HOST:PORT with the fleet's authority and this
node's own identity. Docker reads it at each pull (https://docs.docker.com/engine/security/certificates/), so no restart
is needed.

Each registry has a ledger of its own, so that what is no longer named is undone exactly, also after a restart of the
agent; what was there before comes back. The folder that they lie in has one too, undone when there is none left.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence

from fairlead_agent.effects import Host, HostFailure
from fairlead_agent.identity_store import Identity
from fairlead_wire.assignment import FileSpec

FOLDER = "/etc/docker/certs.d"
# No cluster's name has a dot, so no cluster's ledger is called so.
LEDGERS = "registries."
FOLDER_LEDGER = f"{LEDGERS}folder"
AUTHORITY, CERTIFICATE, KEY = "ca.crt", "client.cert", "client.key"
_log = logging.getLogger(__name__)


class RegistryTrust:
    """`identity` gives this node's newest one, from the disk, or None."""

    def __init__(self, host: Host, identity: Callable[[], Identity | None]) -> None:
        self._host, self._identity = host, identity
        self._changing = asyncio.Lock()

    async def keep(self, registries: Sequence[str]) -> None:
        """Docker trusts these, and is trusted by them. Only what differs is written. Raises HostFailure."""
        if not registries:
            return
        async with self._changing:
            identity = await asyncio.to_thread(self._identity)
            if identity is None:
                raise HostFailure("this agent has no identity yet that a registry could know it by")
            await self._host.make_directory(FOLDER, FOLDER_LEDGER)
            for registry in registries:
                await self._keep_one(registry, identity)

    async def forget_others(self, registries: Sequence[str]) -> None:
        """What others of ours had is undone. Raises HostFailure."""
        wanted = {FOLDER_LEDGER, *map(ledger, registries)} if registries else set()
        async with self._changing:
            others = [name for name in await self._host.ledgers() if name.startswith(LEDGERS) and name not in wanted]
            # The folder around them last: it has to be empty.
            for name in sorted(others, key=lambda name: name == FOLDER_LEDGER):
                await self._host.undo_ledger(name)
                _log.info("the certificates for a registry that is no longer named were taken away")

    async def _keep_one(self, registry: str, identity: Identity) -> None:
        changed = [file for file in _files(registry, identity) if not await self._is_there(file)]
        # In one breath, so that key and certificate change at the same time as far as files can.
        await asyncio.gather(*(self._host.write_file(file, ledger(registry)) for file in changed))
        if changed:
            _log.info("Docker knows the fleet's registry %s now", registry)

    async def _is_there(self, file: FileSpec) -> bool:
        try:
            held = await self._host.read_file(file.path)
        except HostFailure:
            return False
        return held == file.content and await self._host.file_mode(file.path) == file.mode


def ledger(registry: str) -> str:
    """The name of a registry's ledger."""
    return f"{LEDGERS}{hashlib.sha256(registry.encode()).hexdigest()[:24]}"


def _files(registry: str, identity: Identity) -> tuple[FileSpec, ...]:
    """In the order in which they are put there."""
    folder = f"{FOLDER}/{registry}"
    return (
        FileSpec.of(f"{folder}/{AUTHORITY}", identity.authority),
        FileSpec.of(f"{folder}/{KEY}", identity.key, secret=True),
        FileSpec.of(f"{folder}/{CERTIFICATE}", identity.chain),
    )

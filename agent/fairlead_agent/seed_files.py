"""What a seed serves with and shows, as files of the agent's own: identity, certificate, configuration."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairlead.agent.v1 import images_pb2
from fairlead_agent import durable, renewal
from fairlead_agent.component_certificates import state_of
from fairlead_agent.effects import HostFailure
from fairlead_agent.identity_store import Identity
from fairlead_agent.seed_container import AUTHORITY, CERTIFICATE, CLIENT, CLIENT_KEY, CONFIG, FILES, KEY
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.identity import key_pem, new_key, request_der, seed_name
from fairlead_wire.registry_config import pull_through
from fairlead_wire.task import digest

Sign = Callable[[bytes], Awaitable[str]]
"""A request (DER) → the chain that the controller signed, PEM. Raises FairleadError."""


@dataclass(frozen=True)
class SeedFiles:
    """`folder`: a path that the host has too; `identity`: this node's newest one; `wall`: seconds since 1970."""

    folder: Path
    identity: Callable[[], Identity | None]
    sign: Sign
    wall: Callable[[], float]

    async def keep(self, wish: images_pb2.Seeding) -> str:
        """All files are there as they should be; the digest of those that are read only at the start.

        Raises HostFailure, OSError, FairleadError.
        """
        identity = await asyncio.to_thread(self.identity)
        if identity is None:
            raise HostFailure("this agent has no identity yet that the fleet's registry could know it by")
        chain, key = await self._certificate(wish, identity)
        server = {CERTIFICATE: chain, KEY: key, AUTHORITY: identity.authority.encode()}
        server[CONFIG] = pull_through(FILES, address_of(wish), wish.source)
        client = {CLIENT_KEY: identity.key.encode(), CLIENT: identity.chain.encode()}
        await asyncio.to_thread(self._write, server | client)
        return digest(b"\0".join(content for _, content in sorted(server.items())))

    async def remove(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    async def _certificate(self, wish: images_pb2.Seeding, identity: Identity) -> tuple[bytes, bytes]:
        """The one that is there while it is good and before half of its life; else a new one, with a new key."""
        chain = await asyncio.to_thread(durable.read, self.folder / CERTIFICATE)
        key = await asyncio.to_thread(durable.read, self.folder / KEY)
        name = seed_name(identity.node_id)
        spec = CertificateSpec(self.path(CERTIFICATE), "fleet", name, ip_addresses=(wish.address,), server=True)
        state = state_of(spec, chain, key, self.wall(), 0.0)
        issued_by_ours = chain.endswith(identity.authority.encode())
        if state.good and issued_by_ours and not renewal.component_due(state.not_before, state.not_after, self.wall()):
            return chain, key
        fresh = new_key()
        return (await self.sign(request_der(fresh))).encode(), key_pem(fresh)

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Only what differs. Keys come before their certificates, so that a certificate never is without its key."""
        for name in sorted(files, key=lambda name: not name.endswith(".key")):
            if durable.read(self.folder / name) != files[name]:
                durable.write(self.folder / name, files[name])


def address_of(wish: images_pb2.Seeding) -> str:
    """Where the seed answers, "HOST:PORT"."""
    host = f"[{wish.address}]" if ":" in wish.address else wish.address
    return f"{host}:{wish.port}"

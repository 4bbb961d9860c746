"""What relays may reach on this node: names on a fixed list, never an address or a path that the other side chose."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fairlead_agent.effects import HostFailure
from fairlead_agent.snapshots import EtcdSnapshots
from fairlead_wire.snapshots import RELAY_TARGET

TARGETS: Mapping[str, tuple[str, int]] = {"apiserver": ("127.0.0.1", 6443)}
CONNECT_SECONDS = 5.0


class AllowedTargets:
    """See `effects.RelayTargets`. "snapshot/NAME" is a verified snapshot of etcd, if there are `snapshots`."""

    def __init__(
        self, targets: Mapping[str, tuple[str, int]] = TARGETS, snapshots: EtcdSnapshots | None = None
    ) -> None:
        self._targets, self._snapshots = targets, snapshots

    async def connect(self, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._snapshots is not None and target.startswith(RELAY_TARGET):
            return await self._snapshots.open(target.removeprefix(RELAY_TARGET))
        if target not in self._targets:
            known = ", ".join(sorted(self._targets))
            raise HostFailure(f"{target!r} is not a target for relays on this node; it knows: {known}")
        host, port = self._targets[target]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            raise HostFailure(
                f"{target} does not answer at {host}:{port}; look with `fairlead node show` whether it runs"
            ) from None

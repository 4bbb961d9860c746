"""What relays may reach on this node: names on a fixed list, never an address that the other side chose."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fairlead_agent.effects import HostFailure

TARGETS: Mapping[str, tuple[str, int]] = {"apiserver": ("127.0.0.1", 6443)}
CONNECT_SECONDS = 5.0


class AllowedTargets:
    """See `effects.RelayTargets`."""

    def __init__(self, targets: Mapping[str, tuple[str, int]] = TARGETS) -> None:
        self._targets = targets

    async def connect(self, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
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

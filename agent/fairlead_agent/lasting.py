"""Parts of the agent that must not take the others with them when they end in a way that nobody foresaw."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fairlead_wire.cancelling import is_cancelled

AGAIN_SECONDS = 15.0
_log = logging.getLogger(__name__)


async def lasting(
    name: str,
    work: Callable[[], Awaitable[None]],
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Runs endless work, and again after whatever it raises; until it is cancelled.

    What keeps containers, mounts and files beside it goes on: with the whole agent ended, Docker would only start it
    again into the same, and cut off what is under way each time.
    """
    while True:
        try:
            await work()
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            _log.warning("%s was given up by a library; it begins again in %.0f s", name, AGAIN_SECONDS)
        except Exception:
            _log.exception("%s failed in a way that nobody foresaw; it begins again in %.0f s", name, AGAIN_SECONDS)
        await rest(AGAIN_SECONDS)

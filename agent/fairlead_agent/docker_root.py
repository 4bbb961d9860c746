"""Where the node's Docker keeps its data: asked of it, and remembered for a boot at which it is slow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from fairlead_agent import durable
from fairlead_agent.runtime.port import Runtime, RuntimeFailure

DOCKER_ROOT = "docker-root"


async def docker_root(runtime: Runtime, state: Path) -> str:
    """Where Docker keeps its data; while it does not answer, as at a boot, where it did last; "" if nobody knows."""
    remembered = state / DOCKER_ROOT
    try:
        root = (await runtime.engine()).root
    except RuntimeFailure:
        return durable.read(remembered).decode()
    with suppress(OSError):  # a full disk: there is another start
        if durable.read(remembered).decode() != root:
            durable.write(remembered, root.encode())
    return root

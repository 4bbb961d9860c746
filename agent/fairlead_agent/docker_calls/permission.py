"""What this node's own policy lets people do with its Docker, whatever the controller says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_wire.docker_calls import CHANGES
from fairlead_wire.errors import Denied

OFF, READ, FULL = "off", "read", "full"


@dataclass(frozen=True)
class Permission:
    """`level`: `docker` of the policy; `file`: where it is; `broken`: why nothing is allowed, if it can't be read."""

    level: str
    file: str
    broken: str = ""

    def check(self, method: str) -> None:
        """Raises Denied for what the policy forbids. What is not known to change nothing counts as a change."""
        changes = CHANGES.get(method, True)
        if self.level == FULL or (self.level == READ and not changes):
            return
        if self.broken:
            raise Denied(f"This node allows no Docker commands: {self.broken.rstrip('.')}.", self._again("Correct it"))
        if self.level == READ:
            raise Denied(
                "This node's policy allows only Docker commands that change nothing.",
                self._again(f'To allow it, set "docker" to "full" in {self.file}'),
            )
        wanted = f'"full" in {self.file}' if changes else f'"read" in {self.file}'
        raise Denied(
            "This node's policy allows no Docker commands.", self._again(f'To allow it, set "docker" to {wanted}')
        )

    def _again(self, what: str) -> str:
        return f"{what} on that server, then restart the agent with `docker restart fairlead-agent`."

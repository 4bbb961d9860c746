"""A host that is not the one of the tests: another mount namespace of this machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from fairlead_agent.host_paths import HostPaths
from fairlead_agent.mounts import HostMounts


@dataclass
class OtherHost:
    """Another mount namespace. `top` is a folder that has a file system of its own there; here it is empty."""

    pid: int
    top: str

    @property
    def paths(self) -> HostPaths:
        return HostPaths(f"/proc/{self.pid}/root")

    @property
    def mounts(self) -> HostMounts:
        return HostMounts(self.pid)

    def at(self, path: str) -> Path:
        """Where this process finds a path of that host."""
        return Path(f"/proc/{self.pid}/root{self.top}/{path}")

    def run(self, *argv: str) -> str:
        inside = ("nsenter", "-t", str(self.pid), "-m", "--", *argv)
        return subprocess.run(inside, check=True, capture_output=True, text=True, timeout=20).stdout

    def mounted(self) -> list[str]:
        """Mount points below `top`, as paths from there."""
        found = [mount.path for mount in self.mounts.current() if mount.path.startswith(f"{self.top}/")]
        return sorted(path.removeprefix(f"{self.top}/") for path in found)

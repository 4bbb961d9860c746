"""Mounts of the host: what there is, from /proc; making and undoing them in the namespace of its first process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fairlead_agent.commands import must, run
from fairlead_agent.effects import HostFailure
from fairlead_agent.host_paths import below

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class MountPoint:
    """One line of mountinfo (proc_pid_mountinfo(5))."""

    path: str
    shared: bool
    filesystem: str


def parse(mountinfo: str) -> tuple[MountPoint, ...]:
    """In the order of the kernel: a later mount at the same path lies over the earlier."""
    return tuple(_line(line) for line in mountinfo.splitlines() if " - " in line)


def covering(mounts: Iterable[MountPoint], path: str) -> MountPoint | None:
    """The uppermost mount whose root is exactly `path`."""
    found = [mount for mount in mounts if mount.path == path]
    return found[-1] if found else None


def holding(mounts: Iterable[MountPoint], path: str) -> MountPoint | None:
    """The mount that `path` lies on."""
    found = [mount for mount in mounts if below(path, mount.path)]
    return max(reversed(found), key=lambda mount: len(mount.path), default=None)


def strictly_below(mounts: Iterable[MountPoint], path: str) -> tuple[str, ...]:
    """The mount points inside `path`, deepest first; a path comes as often as it is mounted over."""
    inside = [mount.path for mount in mounts if mount.path != path and below(mount.path, path)]
    return tuple(sorted(inside, key=lambda item: item.count("/"), reverse=True))


class HostMounts:
    """The mounts in the namespace of process `pid`. Needs the PID namespace of the host."""

    def __init__(self, pid: int = 1) -> None:
        self._pid = pid

    def current(self) -> tuple[MountPoint, ...]:
        return parse(Path(f"/proc/{self._pid}/mountinfo").read_text())

    def seen_by_agent(self) -> tuple[MountPoint, ...]:
        """The agent's own, among them the host's where they are below its root."""
        return parse(Path("/proc/self/mountinfo").read_text())

    def is_shared(self, path: str) -> bool:
        """Whether what is mounted in `path` is seen outside a container that mounts it. On systemd's hosts all is."""
        mount = holding(self.current(), path)
        return mount is not None and mount.shared

    def is_mounted(self, path: str) -> bool:
        return covering(self.current(), path) is not None

    async def share(self, path: str) -> None:
        """Makes the directory a shared mount. `--make-rshared` needs a mount point, so it is bound to itself first."""
        if covering(self.current(), path) is None:
            await must(self._inside("mount", "--bind", path, path))
        await must(self._inside("mount", "--make-rshared", path))

    async def unmount(self, path: str) -> None:
        """Takes the uppermost mount off `path`; one that is in use goes as soon as its last user does."""
        if (await run(self._inside("umount", path))).code == 0 or covering(self.current(), path) is None:
            return
        await must(self._inside("umount", "--lazy", path))

    async def unmount_below(self, path: str) -> None:
        """Takes off everything inside `path`. Raises HostFailure if something stays."""
        for point in strictly_below(self.current(), path):
            if covering(self.current(), point) is not None:  # a shared peer may have gone with another
                await self.unmount(point)
        if left := strictly_below(self.current(), path):
            raise HostFailure(f"{left[0]} can't be unmounted; unmount it by hand, then this is tried again")

    def _inside(self, *argv: str) -> tuple[str, ...]:
        return ("nsenter", "-t", str(self._pid), "-m", "--", *argv)


def _line(line: str) -> MountPoint:
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    shared = any(field.startswith("shared:") for field in fields[6:])
    return MountPoint(_unescaped(fields[4]), shared, after.split(" ")[0])


def _unescaped(path: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), path)

"""Where the host's paths lie for the agent, whose container has the host's `/` at /host.

A link such as /var/run → /run would be followed inside the agent's own container; `HostPaths` follows it in the host.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fairlead_agent.effects import HostFailure

LINKS = 40
"""As many as Linux follows (path_resolution(7))."""


class HostPaths:
    """`root` is where the host's `/` is, "" if the agent runs on the host itself."""

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")

    def at(self, path: str) -> Path:
        """Where the host's absolute `path` is, its last part not followed if that is a link."""
        parent, name = os.path.split(checked(path))
        return self.followed(parent) / name if name else self.followed(parent)

    def followed(self, path: str) -> Path:
        """Where the host's absolute `path` is, all links followed as the host would follow them."""
        return Path(f"{self.root}{self.canonical(path)}")

    def canonical(self, path: str) -> str:
        """The host's own name of `path` without links; of a part that is not there, the name that it would get."""
        left, done, links = _parts(checked(path)), "", 0
        while left:
            part = left.pop(0)
            here = f"{done}/{part}"
            if not _is_link(f"{self.root}{here}"):
                done = here
                continue
            links += 1
            if links > LINKS:
                raise HostFailure(f"{path} has too many levels of symbolic links on this server")
            target = os.path.normpath(os.path.join(done or "/", os.readlink(f"{self.root}{here}")))  # noqa: PTH115, PTH118
            left, done = _parts(target) + left, ""
        return done or "/"


def engine_url(url: str, paths: HostPaths) -> str:
    """The Engine's socket by its name in the host's directory, if that can be seen.

    The agent's own mount of the socket is one of a file: it would stay with the socket that a restarted dockerd has
    left behind, and with live-restore nobody restarts the agent then.
    """
    scheme, _, path = url.partition("://")
    place = paths.followed(path) if scheme == "unix" else Path()
    return f"unix://{place}" if place.parent.is_dir() and place.is_absolute() else url


def checked(path: str) -> str:
    """The path without superfluous parts. Raises HostFailure unless it is absolute and free of `..`."""
    if not path.startswith("/") or ".." in path.split("/"):
        raise HostFailure(f"{path!r} is not an absolute path without `..`")
    return os.path.normpath("/" + path.lstrip("/"))


def below(path: str, top: str) -> bool:
    """Whether `path` is `top` or lies in it; both absolute."""
    return path == top or path.startswith(f"{top.rstrip('/')}/")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False

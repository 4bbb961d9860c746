"""What this machine is: the few facts that decide how Docker has to be started here."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

CAP_SYS_RESOURCE = 24  # the bit's number, from linux/capability.h
WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_WATCHES = 8192
CHECKOUT = Path(__file__).resolve().parents[3]


def has_capability(status: str, number: int) -> bool:
    """Whether the text of /proc/self/status shows a capability as effective."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return True


def needs_eased_runtime() -> bool:
    """Whether runc would fail on privileged containers here, for want of CAP_SYS_RESOURCE."""
    return not has_capability(Path("/proc/self/status").read_text(encoding="ascii"), CAP_SYS_RESOURCE)


def has_systemd() -> bool:
    """Whether systemd runs services here (the test that sd_booted(3) makes)."""
    return Path("/run/systemd/system").is_dir()


def is_root() -> bool:
    """Whether we may install packages and start daemons."""
    return os.geteuid() == 0


def has_apt() -> bool:
    """Whether this is Debian or a relative of it."""
    return shutil.which("apt-get") is not None


def raise_watches() -> None:
    """Lets the servers' programs have as many inotify instances as they need.

    The kernel counts them by user, and all servers of a lab share this machine's root: its default of 128 is used up
    by ten of them, and then kube-proxy ends with "too many open files". It is a ceiling, which costs nothing.
    """
    with suppress(OSError, ValueError):  # not root, or another kernel: small labs work all the same
        if int(WATCHES.read_text(encoding="ascii")) < ENOUGH_WATCHES:
            WATCHES.write_text(f"{ENOUGH_WATCHES}\n", encoding="ascii")


def state_home() -> Path:
    """Where programs keep what they know between runs (XDG base directories)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fairlead"

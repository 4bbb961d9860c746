"""Programs that a build needs on this machine: found, or installed where we may."""

from __future__ import annotations

import os
import shutil

from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.process import run
from fairlead_cli.images.progress import Step

INSTALL_SECONDS = 600.0
PACKAGES = {"gcc": ("gcc", "libc6-dev"), "mmdebstrap": ("mmdebstrap",)}


def need(program: str, why: str, step: Step) -> str:
    """The path of a program; installs Debian's package if we are root and there is none.

    Raises ImageError that says which package to install.
    """
    found = shutil.which(program)
    if found:
        return found
    line = f"apt-get install -y --no-install-recommends {' '.join(PACKAGES[program])}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ImageError(f"`{program}` is missing: {why}.", f"Install it (`{line}`) and run this again.")
    step.tell(f"installing {program}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["apt-get", "update", "-q"], line.split()):
        run(
            words,
            timeout=INSTALL_SECONDS,
            advice=f"Install it by hand: `{line}`.",
            env=environment,
            on_tick=step.tick,
        )
    return program

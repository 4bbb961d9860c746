"""Only one command works on a lab at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from fairlead_cli.lab import machine
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError


@contextmanager
def held(lab: Lab) -> Iterator[None]:
    """Holds the lab for the length of a block. Raises LabError when another command has it.

    The file lies beside the lab's folder, so that removing the folder does not remove the lock in use.
    """
    path = machine.state_home() / "labs" / f".{lab.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"another command works on the lab `{lab.name}`", "Wait for it to end") from None
        yield

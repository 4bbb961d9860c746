"""Takes a lab away: everything that carries its label, its controller, its state, its context."""

from __future__ import annotations

import shutil

from fairlead_cli import contexts
from fairlead_cli.lab import controller_process, outer
from fairlead_cli.lab.names import Lab

REMOVE_SECONDS = 120.0
KINDS = ("container", "network", "volume")  # in this order: each is used by the one before
FORCE = {"container": ["--force", "--volumes"], "network": [], "volume": ["--force"]}


def down(lab: Lab) -> list[str]:
    """Removes all of a lab; what was removed, in words. Doing it again does nothing."""
    removed = []
    if controller_process.stop(lab):
        removed.append("controller")
    for kind in KINDS:
        names = outer.names(kind, lab.label)
        if names:
            outer.docker(kind, "rm", *FORCE[kind], *names, timeout=REMOVE_SECONDS)
            removed.append(f"{len(names)} {kind}{'s' if len(names) > 1 else ''}")
    if forget_context(lab):  # before the note that says whose it is
        removed.append("context")
    if lab.folder.exists():
        shutil.rmtree(lab.folder)
        removed.append("state")
    return removed


def forget_context(lab: Lab) -> bool:
    """Removes the lab's context, and the choice of it; whether there was one. Another fleet's of that name stays."""
    if not (lab.owns_context.exists() or lab.initialised.exists()):
        return False
    if contexts.current_name() == lab.name:
        (contexts.config_directory() / "current").unlink(missing_ok=True)
    there = lab.context.exists()
    lab.context.unlink(missing_ok=True)
    return there

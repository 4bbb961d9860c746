"""The program that the lab's controller runs as the fleet's registry, taken out of the registry's image."""

from __future__ import annotations

from pathlib import Path

from fairlead_cli.lab import outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError

IN_THE_IMAGE = "/bin/registry"  # ours and upstream's


def find(lab: Lab) -> Path | None:
    """The program, None if the lab has none."""
    return lab.registry_program if lab.registry_program.exists() else None


def ensure(lab: Lab, image: str) -> str:
    """Takes it out of an image that the outer Engine has; why that failed, empty if it did not.

    A lab can do without: servers' images are loaded into them.
    """
    if find(lab) is not None:
        return ""
    name = f"{lab.name}-registry-program"  # with a volume of its own, as the image says
    fresh = lab.registry_program.with_suffix(".new")
    try:
        outer.try_docker("container", "rm", "--force", "--volumes", name)
        outer.docker("create", "--name", name, "--label", lab.label, "--network", "none", image)
        outer.docker("cp", f"{name}:{IN_THE_IMAGE}", str(fresh))
        fresh.replace(lab.registry_program)
    except LabError as error:
        return error.message
    finally:
        fresh.unlink(missing_ok=True)
        outer.try_docker("container", "rm", "--force", "--volumes", name)
    return ""

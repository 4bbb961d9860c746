"""The gate in front of everything that takes images from a bundle: nothing is taken from one that is not well."""

from __future__ import annotations

from pathlib import Path

from fairlead_cli.bundle import tarball, verify
from fairlead_cli.bundle.opened import Bundle
from fairlead_cli.images.progress import Step
from fairlead_wire.errors import Invalid, Missing, Problem


def refuse_unless_well(path: Path, digest: str, step: Step) -> Bundle:
    """The bundle, verified; `digest` is the one that it must have, empty for any.

    Raises Missing if there is no such file, Invalid with everything that is wrong with it.
    """
    if not path.is_file():
        raise Missing(f"There is no file {path}.", "Make one with `fairlead bundle create`.")
    found = verify.problems(path, step)
    if found:
        problems = [Problem("", one) for one in found]
        raise Invalid(f"{path} is not a bundle that can be used.", tarball.ADVICE, problems)
    bundle = Bundle(path)
    if digest and digest != bundle.digest:
        told = f"{path} is the bundle {bundle.digest}, and {digest} was asked for."
        raise Invalid(told, "Get the right file, or see who gave you the digest.")
    return bundle

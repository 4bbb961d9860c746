"""One image to be made: what every way of making needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.images.progress import Step
from fairlead_cli.images.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """A recipe and its folder, the key and architecture ("amd64") of the image, the archive to write, a folder for
    what is in between, and the step that tells people how far it is."""

    recipe: Recipe
    folder: Path
    key: str
    architecture: str
    out: Path
    scratch: Path
    step: Step

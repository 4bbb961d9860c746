"""The key of an image: a digest of all that decides what is in it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from fairlead_cli.images import c_build, go_build, python_files, static_image
from fairlead_cli.images.cache import key_of, tree_digest
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.go_toolchain import Toolchain
from fairlead_cli.images.recipe import Recipe, Recipes

FORMAT = "1"  # raise it when the way of building changes what is built
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture(machine: str | None = None) -> str:
    """Go's and Docker's word for this machine. Raises ImageError where we cannot build."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise ImageError(f"Images cannot be built on a machine of kind {machine}.", "Use an x86_64 or an aarch64 one.")
    return ARCHITECTURES[machine]


class Keys:
    """Keys by recipe name, each computed once. Go is only looked for where a recipe has a Go program."""

    def __init__(self, recipes: Recipes, checkout: Path, toolchain: Callable[[], Toolchain]) -> None:
        self._recipes = recipes
        self._checkout = checkout
        self._toolchain = toolchain
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The key of a recipe, those of its base and its programs included."""
        if name not in self._known:
            self._known[name] = key_of(*self._parts(name, self._recipes.recipes[name]))
        return self._known[name]

    def _parts(self, name: str, recipe: Recipe) -> list[str | bytes]:
        parts: list[str | bytes] = [FORMAT, architecture(), tree_digest(self._recipes.recipe_folder(name))]
        if recipe.base:
            parts.append(self.of(recipe.base))
        folders = [self._recipes.module_folder(module) for module in recipe.modules]
        parts += [go_build.module_key(folder, self._toolchain()) for folder in folders]
        if recipe.c_programs:
            parts.append(c_build.compiler_version())
        if recipe.authorities:
            parts.append(static_image.authorities())
        if recipe.python == "dependencies":
            parts.append(python_files.dependencies_key(self._checkout))
        if recipe.python == "project":
            parts.append(python_files.project_key(self._checkout))
        return parts

"""Which images are there, which are pulled and which are built, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from fairlead_cli.images.recipe import Recipe

How = Literal["cached", "pull", "build"]


@dataclass(frozen=True)
class Planned:
    """One image of a plan. `wanted` is false for a base that is only built on."""

    name: str
    how: How
    wanted: bool = True


def plan(
    recipes: Mapping[str, Recipe],
    wanted: Iterable[str],
    cached: Callable[[str], bool],
    pullable: Callable[[str], bool],
) -> list[Planned]:
    """The images in an order in which each base comes before what stands on it, quick ones first.

    `cached` and `pullable` are asked by recipe name, `pullable` only of what is not cached.
    """
    asked = list(dict.fromkeys(wanted))
    planned: dict[str, Planned] = {}

    def visit(name: str) -> None:
        if name in planned:
            return
        how = how_of(name, cached, pullable)
        if how == "build" and recipes[name].base:
            visit(recipes[name].base)
        planned[name] = Planned(name, how, name in asked)

    for name in sorted(asked, key=lambda one: (effort(recipes, one), asked.index(one))):
        visit(name)
    return list(planned.values())


def how_of(name: str, cached: Callable[[str], bool], pullable: Callable[[str], bool]) -> How:
    """The cheapest way to an image."""
    if cached(name):
        return "cached"
    return "pull" if pullable(name) else "build"


def effort(recipes: Mapping[str, Recipe], name: str) -> int:
    """0 for images without a compiler, 1 for those of small modules, 2 for what compiles Kubernetes."""
    modules = recipes[name].modules
    return 2 if "kubernetes" in modules else min(1, len(modules))


def programs(recipes: Mapping[str, Recipe], planned: Iterable[Planned]) -> dict[str, set[str]]:
    """Go module → its programs that the images to be built need: so that each module is compiled in one go."""
    needed: dict[str, set[str]] = {}
    for one in planned:
        if one.how == "build":
            for binary in recipes[one.name].binaries:
                needed.setdefault(binary.module, set()).add(binary.name)
    return needed

"""Recipes: what each image is made of, one folder under deploy/images/ for each, checked all at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairlead_wire.errors import Invalid, Problem

RECIPES = Path("deploy/images")
GO_FOLDER = "go"  # beside the recipes: a folder with a go.mod for each set of Go programs


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"`{path}` must start with a slash")
    return path


def _tagged(image: str) -> str:
    if ":" not in image.rpartition("/")[2]:
        raise ValueError(f"`{image}` needs a tag, as in `{image}:1.0`")
    return image


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
ImageName = Annotated[str, AfterValidator(_tagged)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Strict)


class Binary(Strict):
    """A Go program: which module's, which name, and (static images) where it goes. A Dockerfile has it as bin/NAME."""

    module: str
    name: str
    path: AbsolutePath | None = None


class CProgram(Strict):
    """A C file out of a Go module: `module` is the folder with the go.mod that pins it, `package` the module's path,
    `source` the file's path in it."""

    module: str
    package: str
    source: str
    name: str
    path: AbsolutePath
    flags: tuple[str, ...] = ()


class Recipe(Strict):
    """One image. `kind` says how it comes to be:

    static      programs and files on nothing, written by us
    dockerfile  an ordinary Dockerfile, built by Docker
    debian      Debian's base, pulled or made by mmdebstrap
    """

    images: tuple[ImageName, ...] = Field(min_length=1)
    kind: Literal["static", "dockerfile", "debian"]
    upstream: bool = False  # a registry has it under this name
    base: str = ""  # dockerfile: the recipe that its FROM names
    suite: str = ""  # debian: the release
    python: Literal["", "dependencies", "project"] = ""  # dockerfile: what it finds in python/
    binaries: tuple[Binary, ...] = ()
    c_programs: tuple[CProgram, ...] = ()
    files: dict[AbsolutePath, str] = {}  # path in the image → file beside the recipe
    links: dict[AbsolutePath, AbsolutePath] = {}
    authorities: bool = False  # static: Mozilla's certificate authorities in /etc/ssl/certs
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    volumes: tuple[AbsolutePath, ...] = ()
    ports: tuple[str, ...] = ()

    @property
    def modules(self) -> list[str]:
        """The Go modules that its programs come from."""
        return sorted({part.module for part in self.binaries} | {part.module for part in self.c_programs})

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Recipe:
        if self.kind == "static" and any(binary.path is None for binary in self.binaries):
            raise ValueError("each binary of a static image needs a `path`")
        if self.kind == "static" and not self.entrypoint:
            raise ValueError("a static image needs an `entrypoint`: nothing else says what it runs")
        if self.kind == "dockerfile" and not self.base:
            raise ValueError("a dockerfile image needs a `base`: the recipe that its FROM names")
        if self.kind == "debian" and not self.suite:
            raise ValueError('a debian image needs a `suite`, as in `suite = "trixie"`')
        return self


class GoModule(Strict):
    """A folder with a go.mod: how its programs are built. `binaries`: our name → Go package."""

    cgo: bool
    ldflags: tuple[str, ...] = ()
    binaries: dict[str, str] = Field(min_length=1)


@dataclass(frozen=True)
class Recipes:
    """Everything under deploy/images/: recipes and Go modules by the names of their folders."""

    folder: Path
    recipes: Mapping[str, Recipe]
    modules: Mapping[str, GoModule]

    def recipe_folder(self, name: str) -> Path:
        """Where a recipe's files lie."""
        return self.folder / name

    def module_folder(self, name: str) -> Path:
        """Where a Go module's go.mod lies."""
        return self.folder / GO_FOLDER / name

    def find(self, word: str) -> str:
        """The recipe that a person means: its name, or an image's. Raises Invalid if there is none."""
        if word in self.recipes:
            return word
        for name, recipe in self.recipes.items():
            if short(word) in map(short, recipe.images):
                return name
        raise Invalid(f"There is no image `{word}`.", f"Choose from: {', '.join(sorted(self.recipes))}.")

    def module_of(self, binary: str) -> str:
        """The Go module that has a program of this name."""
        for name, module in self.modules.items():
            if binary in module.binaries:
                return name
        raise Invalid(f"No Go module under {self.folder} builds `{binary}`.", "Add it to a module.toml.")


def short(image: str) -> str:
    """An image's name as Docker shows it: without docker.io/library/."""
    return image.removeprefix("docker.io/").removeprefix("library/")


def load(checkout: Path) -> Recipes:
    """All recipes of a checkout. Raises Invalid with every problem in every file."""
    folder = checkout / RECIPES
    problems: list[Problem] = []
    recipes = dict(_parsed(sorted(folder.glob("*/recipe.toml")), Recipe, problems))
    modules = dict(_parsed(sorted(folder.glob(f"{GO_FOLDER}/*/module.toml")), GoModule, problems))
    if not recipes and not problems:
        raise Invalid(f"There are no image recipes under {folder}.", "Run this from a checkout of Fairlead.")
    loaded = Recipes(folder, recipes, modules)
    problems += list(_dangling(loaded))
    if problems:
        raise Invalid("The image recipes have mistakes.", "Correct them and run this again.", problems)
    return loaded


def _parsed(paths: list[Path], model: type[T], problems: list[Problem]) -> Iterator[tuple[str, T]]:
    for path in paths:
        where = f"{path.parent.name}/{path.name}"
        try:
            yield path.parent.name, model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as error:
            problems.append(Problem(where, str(error)))
        except ValidationError as error:
            problems += [Problem(f"{where}: {_dotted(one['loc'])}", one["msg"]) for one in error.errors()]


def _dotted(location: tuple[Any, ...]) -> str:
    return ".".join(map(str, location))


def _dangling(loaded: Recipes) -> Iterator[Problem]:
    """References from one recipe to what is not there."""
    for name, recipe in loaded.recipes.items():
        if recipe.base and recipe.base not in loaded.recipes:
            yield Problem(f"{name}/recipe.toml: base", f"there is no recipe `{recipe.base}`")
        for binary in recipe.binaries:
            module = loaded.modules.get(binary.module)
            if module is None or binary.name not in module.binaries:
                yield Problem(f"{name}/recipe.toml", f"Go module `{binary.module}` has no `{binary.name}`")
        for program in recipe.c_programs:
            if program.module not in loaded.modules:
                yield Problem(f"{name}/recipe.toml", f"there is no Go module `{program.module}`")
        for file in recipe.files.values():
            if not (loaded.recipe_folder(name) / file).is_file():
                yield Problem(f"{name}/recipe.toml: files", f"there is no file `{file}` beside it")

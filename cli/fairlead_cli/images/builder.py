"""The one builder: says what it would do, does it, and hands out images as archives or loads them into an Engine.

from fairlead_cli.images.builder import Builder
builder = Builder(checkout, report=show)
images = builder.build(["etcd", "nginx"])         # name → Built, each an archive in the cache
builder.load(["lab-node"], Engine())              # builds what is missing, loads what the Engine lacks
kubectl = builder.binary("kubectl")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from fairlead_cli.images import (
    archive,
    c_build,
    debian_base,
    docker_build,
    go_build,
    go_toolchain,
    python_files,
    static_image,
)
from fairlead_cli.images.cache import Cache, default_root, key_of
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.job import Job
from fairlead_cli.images.keys import Keys, architecture
from fairlead_cli.images.plan import How, Planned, plan, programs
from fairlead_cli.images.progress import Report, Step, silent
from fairlead_cli.images.pull import Registries
from fairlead_cli.images.recipe import Binary, load

Source = Literal["auto", "source"]
CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Built:
    """An image that is there: its names, its archive, its id ("sha256:…") and how it came."""

    name: str
    images: tuple[str, ...]
    archive: Path
    image_id: str
    how: How
    seconds: float


class Builder:
    """Builds images of a checkout into a cache. `source` "source" never asks a registry."""

    def __init__(
        self,
        checkout: Path = CHECKOUT,
        *,
        cache: Cache | None = None,
        engine: Engine | None = None,
        report: Report = silent,
        source: Source = "auto",
        registries: Registries | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.checkout = checkout
        self.cache = cache or Cache(default_root(os.environ, Path.home()))
        self.engine = engine or Engine()
        self.recipes = load(checkout)
        self._report = report
        self._source = source
        self._registries = registries or Registries()
        self._clock = clock
        self._keys = Keys(self.recipes, checkout, lambda: self._toolchain)
        self._needed: dict[str, set[str]] = {}

    @cached_property
    def _toolchain(self) -> go_toolchain.Toolchain:
        return go_toolchain.find(self.cache, self._step("go"), os.environ.get("PATH", ""), go_toolchain.USUAL_PLACES)

    @cached_property
    def _has_go(self) -> bool:
        return go_toolchain.present(self.cache, os.environ.get("PATH", ""), go_toolchain.USUAL_PLACES) is not None

    def plan(self, names: Iterable[str] = ()) -> list[Planned]:
        """What `build` would do, in order; without names, for every image."""
        wanted = [self.recipes.find(name) for name in names] or list(self.recipes.recipes)
        return plan(self.recipes.recipes, wanted, lambda name: self._present(name) is not None, self._pullable)

    def build(self, names: Iterable[str] = ()) -> dict[str, Built]:
        """Every named image (without names, all) by recipe name. Raises ImageError at the first that fails."""
        planned = self.plan(names)
        self._needed = programs(self.recipes.recipes, planned)
        done = {one.name: self._carry_out(one) for one in planned}
        return {one.name: done[one.name] for one in planned if one.wanted}

    def load(self, names: Iterable[str], engine: Engine | None = None) -> dict[str, Built]:
        """Builds what is missing, and loads into the Engine what it lacks. What was loaded before costs little."""
        engine = engine or self.engine
        built = self.build(names)
        for one in built.values():
            self._load(one.name, engine)
        return built

    def find(self, names: Iterable[str] = ()) -> dict[str, Built]:
        """The images that are in the cache now; nothing is built, and nobody is asked.

        Without Go the key of what Go compiles is unknown. A compiler takes minutes to fetch, which is `build`'s to
        tell about, so such images count as missing.
        """
        wanted = [self.recipes.find(name) for name in names] or list(self.recipes.recipes)
        known = [name for name in wanted if self._has_go or not self._is_compiled(name)]
        return {name: self._built(Planned(name, "cached"), 0.0) for name in known if self._present(name) is not None}

    def binary(self, name: str) -> Path:
        """A Go program that any of the modules builds, such as kubectl."""
        module = self.recipes.module_of(name)
        return self._programs(module, {name})[name]

    def _carry_out(self, one: Planned) -> Built:
        step = self._step(one.name)
        if one.how == "pull" and not self._pull(one.name, step):
            return self._carry_out(Planned(one.name, "build", one.wanted))
        if one.how == "build":
            self._make(one.name, step)
        if one.how != "cached":
            step.finish({"pull": "pulled", "build": "built"}[one.how])
        return self._built(one, step.seconds)

    def key_of(self, name: str) -> str:
        """The key of what would be built."""
        return self._keys.of(name)

    def _built(self, one: Planned, seconds: float) -> Built:
        path = self._present(one.name)
        assert path is not None
        images = self.recipes.recipes[one.name].images
        [image_id] = set(archive.image_ids(path).values())
        return Built(one.name, images, path, image_id, one.how, seconds)

    def _make(self, name: str, step: Step) -> None:
        recipe, key = self.recipes.recipes[name], self._keys.of(name)
        make = {"static": self._static, "dockerfile": self._dockerfile, "debian": debian_base.build}[recipe.kind]
        with self.cache.writing(self._built_path(name)) as out, self.cache.scratch() as scratch:
            self.cache.trim(name)
            make(Job(recipe, self.recipes.recipe_folder(name), key, architecture(), out, scratch, step))

    def _static(self, job: Job) -> None:
        placed = {str(one.path): self._program(one) for one in job.recipe.binaries}
        for program in job.recipe.c_programs:
            placed[program.path] = job.scratch / program.name
            folder = self.recipes.module_folder(program.module)
            c_build.build(program, folder, self._toolchain, placed[program.path], job.step)
        job.step.tell("writing the archive")
        static_image.build(job, placed)

    def _dockerfile(self, job: Job) -> None:
        binaries = {one.name: self._program(one) for one in job.recipe.binaries}
        extra = {}
        if job.recipe.python == "dependencies":
            extra["python"] = python_files.fetch_dependencies(self.checkout, self.cache, job.step)
        if job.recipe.python == "project":
            extra["python"] = python_files.build_project(self.checkout, job.scratch / "project", job.step)
        context = job.scratch / "context"
        docker_build.stage(job.folder, binaries, extra, context)
        docker_build.build(job, context, self._load(job.recipe.base, self.engine), self.engine)

    def _program(self, one: Binary) -> Path:
        return self._programs(one.module, {one.name})[one.name]

    def _programs(self, module: str, wanted: set[str]) -> dict[str, Path]:
        """Programs of a Go module; what other images of this run need is compiled along."""
        step = self._step(f"{module} (Go)")
        wanted = wanted | self._needed.get(module, set())
        folder = self.recipes.module_folder(module)
        made = go_build.build(module, self.recipes.modules[module], folder, wanted, self._toolchain, self.cache, step)
        if step.told:
            step.finish("compiled")
        return made

    def _load(self, name: str, engine: Engine) -> Path:
        """Loads an image unless the Engine has the very same; its archive."""
        path = self._present(name)
        assert path is not None
        images = self.recipes.recipes[name].images
        expected = self._keys.of(name) if path == self._built_path(name) else ""
        keys = [engine.key_of(image) for image in images]
        if any(key != expected for key in keys):
            step = self._step(name)
            step.tell(f"loading into {engine.host}")
            replaced = [engine.id_of(image) for image, key in zip(images, keys, strict=True) if key]
            engine.load(path)
            for image_id in filter(None, replaced):
                engine.forget(image_id)
            step.finish("loaded")
        return path

    def _pull(self, name: str, step: Step) -> bool:
        """Pulls an image into the cache; whether that worked."""
        images: Sequence[str] = self.recipes.recipes[name].images
        step.tell("pulling")
        try:
            for image in images:
                self.engine.pull(image)
            with self.cache.writing(self._pulled_path(name)) as out:
                self.engine.save(images, out)
        except ImageError as error:
            step.tell(f"not pulled ({error.message.splitlines()[0]}), so it is built")
            return False
        return True

    def _pullable(self, name: str) -> bool:
        upstream = self.recipes.recipes[name].upstream
        return upstream and self._source == "auto" and self._registries.answer()

    def _present(self, name: str) -> Path | None:
        """The archive of an image in the cache."""
        places = [self._built_path(name)]
        if self._source == "auto" and self.recipes.recipes[name].upstream:
            places.append(self._pulled_path(name))
        return next((path for path in places if path.exists()), None)

    def _is_compiled(self, name: str) -> bool:
        """Whether Go compiles a part of an image, or of what it stands on."""
        recipe = self.recipes.recipes[name]
        return bool(recipe.modules) or (bool(recipe.base) and self._is_compiled(recipe.base))

    def _built_path(self, name: str) -> Path:
        return self.cache.image(name, self._keys.of(name))

    def _pulled_path(self, name: str) -> Path:
        return self.cache.image(f"{name}-pulled", key_of(architecture(), *self.recipes.recipes[name].images))

    def _step(self, name: str) -> Step:
        return Step(name, self._report, self._clock)

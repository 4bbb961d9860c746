"""The Python that goes into images: locked dependencies by hash, and the project's own wheel."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from fairlead_cli.images.cache import Cache, key_of, tree_digest
from fairlead_cli.images.process import run
from fairlead_cli.images.progress import Step

PYTHON = "3.13"  # of Debian 13
FETCH_SECONDS = 900.0
WHEEL_SECONDS = 300.0
SOURCES = ("proto", "controller", "agent", "cli")
SINGLE_FILES = ("pyproject.toml", "README.md", "LICENSE")
NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^]]*)])?")
EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def canonical(name: str) -> str:
    """A distribution's name with one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime_names(wanted: Iterable[str], requires: Callable[[str], Iterable[str]]) -> set[str]:
    """All distributions that the wanted requirements lead to. Markers other than extras count as met: what they
    exclude is either not locked or does no harm."""
    found: set[tuple[str, str]] = set()
    todo = [one for line in wanted for one in _named(line)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in requires(name):
            condition = EXTRA.search(line)
            if (condition[1] if condition else "") == extra:
                todo += _named(line)
    return {name for name, _ in found}


def _named(requirement: str) -> list[tuple[str, str]]:
    """The name in a requirement, once for itself and once for each extra."""
    found = NAME.match(requirement)
    if not found:
        return []
    extras = [extra.strip() for extra in (found[2] or "").split(",") if extra.strip()]
    return [(canonical(found[1]), extra) for extra in ("", *extras)]


def locked(constraints: str, names: set[str]) -> str:
    """The blocks of a constraints file (`name==version \\` and its hashes) for the given names."""
    kept: list[str] = []
    keeping = False
    for line in constraints.splitlines():
        if line.strip().startswith("#"):
            continue
        if line and not line[0].isspace():
            keeping = canonical(line.partition("==")[0].strip()) in names
        if keeping and line.strip():
            kept.append(line)
    return "\n".join(kept) + "\n"


def runtime_lock(checkout: Path) -> str:
    """The locked runtime dependencies of the checkout, one block each with its hashes."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = runtime_names(project["dependencies"], _installed_requires)
    return locked((checkout / "constraints.txt").read_text(encoding="utf-8"), names)


def _installed_requires(name: str) -> Iterable[str]:
    try:
        return metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return ()  # for another platform or Python: not locked either


def dependencies_key(checkout: Path) -> str:
    """The key of the dependencies' folder."""
    return key_of(PYTHON, runtime_lock(checkout))


def project_key(checkout: Path) -> str:
    """The key of the project's own code."""
    parts = [tree_digest(checkout / folder) for folder in SOURCES if (checkout / folder).is_dir()]
    singles = [(checkout / name).read_bytes() for name in SINGLE_FILES if (checkout / name).exists()]
    return key_of(*parts, *singles)


def fetch_dependencies(checkout: Path, cache: Cache, step: Step) -> Path:
    """A folder with the runtime dependencies for Debian's Python. Raises ImageError if a hash does not match."""
    folder = cache.folder("python", dependencies_key(checkout))
    if folder.is_dir():
        return folder
    step.tell("fetching Python packages")
    with cache.writing(folder) as fresh, cache.scratch() as scratch:
        lock = scratch / "locked.txt"
        lock.write_text(runtime_lock(checkout), encoding="utf-8")
        words = [sys.executable, "-m", "pip", "install", "--target", str(fresh), "--python-version", PYTHON]
        words += ["--implementation", "cp", "--only-binary=:all:", "--no-deps", "--no-compile", "--progress-bar=off"]
        run(
            [*words, "--require-hashes", "-r", str(lock)],
            timeout=FETCH_SECONDS,
            advice="If pip is missing here, make the virtual environment with pip; else see what pip says above.",
            on_line=lambda line: step.tell(line.split(" (")[0][:80]),
            on_tick=step.tick,
        )
        shutil.rmtree(fresh / "bin", ignore_errors=True)  # scripts for this machine's Python
    return folder


def build_project(checkout: Path, out: Path, step: Step) -> Path:
    """Builds the project's wheel and unpacks it to `out`."""
    step.tell("building the wheel")
    wheels = out.with_name("wheels")
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), "."]
    if metadata.packages_distributions().get("hatchling"):
        words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    advice = "See what the build back-end says above."
    run(words, timeout=WHEEL_SECONDS, advice=advice, cwd=checkout, on_tick=step.tick)
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out)
    return out

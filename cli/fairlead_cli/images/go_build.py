"""Go programs out of pinned modules: one `go build` for all programs of a module that are missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from fairlead_cli.images import host_tools
from fairlead_cli.images.cache import Cache, key_of
from fairlead_cli.images.go_toolchain import ENVIRONMENT, Toolchain
from fairlead_cli.images.process import run
from fairlead_cli.images.progress import Step
from fairlead_cli.images.recipe import GoModule

LIST_SECONDS = 900.0  # downloads the modules too
BUILD_SECONDS = 5400.0
ADVICE = "If the message speaks of the network, see that the Go module proxy can be reached, and run this again."
DECIDING_FILES = ("go.mod", "go.sum", "module.toml")
OWN_SOURCES = "*.go"  # of a module with a main program of its own
PACKAGE_LINE = re.compile(r"[\w.-]+(/[\w.~!-]+)*")
MAJOR = re.compile(r"v\d+")


def module_key(folder: Path, toolchain: Toolchain) -> str:
    """The key of everything that a module's folder builds with a toolchain."""
    paths = [*(folder / name for name in DECIDING_FILES), *sorted(folder.glob(OWN_SOURCES))]
    files = [path.read_bytes() for path in paths]
    return key_of(*files, toolchain.version, toolchain.architecture)


def build(
    name: str,
    module: GoModule,
    folder: Path,
    wanted: Iterable[str],
    toolchain: Toolchain,
    cache: Cache,
    step: Step,
) -> dict[str, Path]:
    """The wanted programs by name, each built if the cache lacks it. Raises ImageError if Go does not build them."""
    key = module_key(folder, toolchain)
    paths = {program: cache.binary(name, key, program) for program in wanted}
    missing = {program: module.binaries[program] for program in paths if not paths[program].exists()}
    if missing:
        if module.cgo:
            host_tools.need("gcc", f"a part of {name} is C", step)
        with cache.scratch() as scratch:
            _compile(module, folder, missing, toolchain, scratch, step)
            _keep(missing, scratch, paths, cache)
    return paths


def environment(module: GoModule) -> dict[str, str]:
    """What `go` finds in its environment beside ours."""
    return {**ENVIRONMENT, "CGO_ENABLED": "1" if module.cgo else "0"}


def command(module: GoModule, packages: Iterable[str], toolchain: Toolchain, out: Path) -> list[str]:
    """The `go build` line; without paths and version control stamps, so that any checkout builds the same bytes."""
    words = [toolchain.program, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    return [*words, "-ldflags", " ".join(module.ldflags), "-o", f"{out}/", *packages]


def built_name(package: str) -> str:
    """What Go calls the program of a package: its last path element that is no major version."""
    last, *before = reversed(package.split("/"))
    return before[0] if MAJOR.fullmatch(last) and before else last


def is_package(line: str) -> bool:
    """Whether a line of `go build -v` names a package that was just compiled."""
    return bool(PACKAGE_LINE.fullmatch(line))


def module_source(package: str, folder: Path, toolchain: Toolchain, step: Step) -> Path:
    """Where Go keeps the source of a module that the go.mod in `folder` pins, fetched if it is not there yet."""
    step.tell(f"fetching {package}")
    go = toolchain.program
    for words in ([go, "mod", "download", package], [go, "list", "-m", "-f", "{{.Dir}}", package]):
        said = run(words, timeout=LIST_SECONDS, advice=ADVICE, cwd=folder, env=ENVIRONMENT, on_tick=step.tick)
    return Path(said.splitlines()[-1])


def _compile(
    module: GoModule,
    folder: Path,
    missing: Mapping[str, str],
    toolchain: Toolchain,
    out: Path,
    step: Step,
) -> None:
    step.tell("fetching modules")
    total = _count(module, folder, missing.values(), toolchain, step)
    step.tell("compiling", done=0, total=total)
    done = 0

    def follow(line: str) -> None:
        nonlocal done
        if is_package(line):
            done = min(done + 1, total)
            step.tell(f"{done} of {total} packages", done=done, total=total)

    run(
        command(module, missing.values(), toolchain, out),
        timeout=BUILD_SECONDS,
        advice=ADVICE,
        cwd=folder,
        env=environment(module),
        on_line=follow,
        on_tick=step.tick,
    )


def _count(module: GoModule, folder: Path, packages: Iterable[str], toolchain: Toolchain, step: Step) -> int:
    """How many packages a build has to look at, those that Go's own cache has included."""
    listed = run(
        [toolchain.program, "list", "-mod=readonly", "-deps", *packages],
        timeout=LIST_SECONDS,
        advice=ADVICE,
        cwd=folder,
        env=environment(module),
        on_line=lambda line: step.tell(line.removeprefix("go: ")) if line.startswith("go: ") else None,
        on_tick=step.tick,
    )
    return sum(map(is_package, listed.splitlines()))


def _keep(missing: Mapping[str, str], scratch: Path, paths: Mapping[str, Path], cache: Cache) -> None:
    for program, package in missing.items():
        with cache.writing(paths[program]) as fresh:
            shutil.move(scratch / built_name(package), fresh)
            fresh.chmod(0o755)

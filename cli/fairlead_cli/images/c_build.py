"""C programs out of Go modules: Kubernetes has one, `pause`."""

from __future__ import annotations

from pathlib import Path

from fairlead_cli.images import go_build, host_tools
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.go_toolchain import Toolchain
from fairlead_cli.images.process import run
from fairlead_cli.images.progress import Step
from fairlead_cli.images.recipe import CProgram

COMPILE_SECONDS = 120.0


def compiler_version() -> str:
    """The C compiler's version, "" where there is none yet: it decides the bytes."""
    try:
        return run(["gcc", "-dumpfullversion"], timeout=COMPILE_SECONDS, advice="").strip()
    except ImageError:
        return ""


def build(program: CProgram, module_folder: Path, toolchain: Toolchain, out: Path, step: Step) -> None:
    """Compiles a C file of a pinned Go module to `out`. Raises ImageError without a compiler."""
    compiler = host_tools.need("gcc", f"{program.name} is written in C", step)
    source = go_build.module_source(program.package, module_folder, toolchain, step) / program.source
    step.tell(f"compiling {source.name}")
    run(
        [compiler, *program.flags, "-o", str(out), source.name],
        timeout=COMPILE_SECONDS,
        advice="Install a C compiler with static libraries (Debian: gcc and libc6-dev).",
        cwd=source.parent,
    )

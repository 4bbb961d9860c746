"""The product as its users have it: the commands `fairlead` and `fairlead-controller`, run as processes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError, Result, attempt
from fairlead_cli.lab.steps import Say

CALL_SECONDS = 60.0


def command(name: str) -> Path:
    """The path of one of our commands: beside this Python, as pip put it there, or else on the PATH.

    Raises LabError where the distribution is not installed.
    """
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    if found is None:
        raise LabError(f"the command {name} is not installed", "Run `make lab` in the checkout")
    return Path(found)


def shown(name: str) -> str:
    """How people type that command from where they are now."""
    path = command(name)
    return name if shutil.which(name) == str(path) else shorter(path)


def shorter(path: Path) -> str:
    """A path as people would type it: from where they are, or from home."""
    for base, word in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return f"{word}{path.relative_to(base)}"
    return str(path)


def try_fairlead(lab: Lab, *words: str, timeout: float = CALL_SECONDS, on_line: Say | None = None) -> Result:
    """A `fairlead` command towards this lab's controller; it may fail."""
    line = [str(command("fairlead")), "--context", lab.name, *words]
    return attempt(line, timeout=timeout, on_line=on_line)


def fairlead(lab: Lab, *words: str, timeout: float = CALL_SECONDS, on_line: Say | None = None) -> str:
    """A `fairlead` command that must end well; what it printed. Its own error already says what to do."""
    result = try_fairlead(lab, *words, timeout=timeout, on_line=on_line)
    if not result.ok:
        told = (result.errors.strip() or result.output.strip() or f"exit code {result.code}").rstrip(".")
        raise LabError(f"`fairlead {' '.join(words[:2])}` failed: {told}", f"Log: {lab.folder}/controller.log")
    return result.output


def fairlead_json(lab: Lab, *words: str, timeout: float = CALL_SECONDS) -> Any:
    """What a `fairlead … -o json` command printed."""
    return json.loads(fairlead(lab, *words, "-o", "json", timeout=timeout))

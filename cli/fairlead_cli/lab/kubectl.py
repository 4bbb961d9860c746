"""kubectl: the one beside this Python, or the machine's if it fits, or else the one that our images are built with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fairlead_cli.lab import front
from fairlead_cli.lab.processes import LabError, attempt
from fairlead_cli.lab.spec import SPEC, kubernetes_minor
from fairlead_cli.lab.steps import Say

BESIDE = Path(sys.executable).parent / "kubectl"
SKEW = 1  # minor versions between kubectl and the apiserver that upstream supports (its version skew policy)


def find() -> Path | None:
    """The kubectl that the lab uses, None when there is none yet."""
    return BESIDE if BESIDE.exists() else fitting(shutil.which("kubectl"))


@cache
def fitting(found: str | None) -> Path | None:
    """The machine's kubectl, unless its version is too far from the cluster's."""
    if found is None:
        return None
    told = attempt([found, "version", "--client", "--output", "json"], timeout=15)
    wanted = kubernetes_minor(SPEC.read_text(encoding="utf-8"))
    return Path(found) if told.ok and abs(minor_of(told.output) - wanted) <= SKEW else None


def minor_of(version: str) -> int:
    """The minor version in what `kubectl version --client -o json` prints, -1 if it tells none."""
    minor = str(json.loads(version).get("clientVersion", {}).get("minor", "")).rstrip("+")
    return int(minor) if minor.isdigit() else -1


def program() -> Path:
    """The kubectl that the lab uses. Raises LabError when there is none."""
    found = find()
    if found is None:
        raise LabError("kubectl is missing", "Run `fairlead lab up`, which puts it beside `fairlead`")
    return found


def ensure(source: Callable[[str, Say], Path], say: Say) -> str:
    """A kubectl, got from `source` where the machine has none that fits; its path."""
    if find() is None:
        fresh = BESIDE.with_suffix(".new")
        shutil.copy(source("kubectl", say), fresh)
        fresh.chmod(0o755)
        fresh.replace(BESIDE)
    return front.shorter(program())

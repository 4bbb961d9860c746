"""Fails when pyproject.toml names a dependency that constraints.txt does not pin, or the lock names a host."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (ROOT / "constraints.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    missing = [name for name in map(requirement_name, wanted) if name not in pinned]
    if missing:
        print(f"constraints.txt lacks {', '.join(missing)}; run `make constraints`")
    if "://" in lock or "--index-url" in lock:
        print("constraints.txt names a host; run `make constraints`")
        return 1
    return 1 if missing else 0


def requirement_name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found.group().lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main())

"""The licences of Go modules: a table that is kept beside this file, since programs tell only which modules they have.

    python -m fairlead_cli.bundle.licences.go_table

makes it anew from the programs in the cache and from the sources that Go keeps of their modules. Run it after a
version under deploy/images/go was raised.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from fairlead_cli.bundle.document import UNKNOWN
from fairlead_cli.bundle.licences import go_info, spdx
from fairlead_cli.images.cache import default_root

TABLE = "go_licences.json"
LICENCE_FILE = re.compile(r"(licen[sc]e|copying|unlicense)\b.*", re.IGNORECASE)
NO_TEXT = re.compile(r".*\.(csv|docs|go)", re.IGNORECASE)
GO_SECONDS = 60.0


def known() -> Mapping[str, str]:
    """Module path → SPDX expression."""
    text = (resources.files("fairlead_cli.bundle.licences") / TABLE).read_text(encoding="ascii")
    table: dict[str, str] = json.loads(text)
    return table


def survey(programs: Iterable[Path], sources: Path) -> dict[str, str]:
    """The table for the modules of these programs; `sources` is Go's module cache."""
    found: dict[str, set[str]] = {}
    for program in programs:
        with program.open("rb") as stream:
            info = go_info.read(stream)
        for module in info.modules if info else ():
            found.setdefault(module.path, set()).update(licences_in(folder_of(module, sources)))
    return {path: spdx.together(found[path]) for path in sorted(found)}


def folder_of(module: go_info.Module, sources: Path) -> Path:
    """Where Go keeps a module's source; capitals are escaped, as file systems may not tell them apart."""
    escaped = re.sub(r"[A-Z]", lambda letter: f"!{letter[0].lower()}", f"{module.path}@{module.version}")
    return sources / escaped


def licences_in(folder: Path) -> set[str]:
    """The licences that a source's top folder speaks of."""
    if not folder.is_dir():
        return set()
    files = [path for path in folder.iterdir() if path.is_file() and LICENCE_FILE.fullmatch(path.name)]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files if not NO_TEXT.fullmatch(path.name)]
    return set().union(*map(spdx.detect, texts))


def main() -> int:
    told = subprocess.run(["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True, timeout=GO_SECONDS)
    programs = sorted((default_root(os.environ, Path.home()) / "go").glob("*/*"))
    table = survey(programs, Path(told.stdout.strip()))
    content = json.dumps(table, indent=0, sort_keys=True) + "\n"
    Path(__file__).with_name(TABLE).write_text(content, encoding="ascii")
    unknown = [path for path, licence in table.items() if licence == UNKNOWN]
    sys.stdout.write(
        f"{len(table)} modules of {len(programs)} programs; not found out: {', '.join(unknown) or 'none'}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

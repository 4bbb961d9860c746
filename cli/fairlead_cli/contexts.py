"""Contexts: which controller the CLI talks to, and as whom.

One file for each, ${FAIRLEAD_CONFIG:-~/.config/fairlead}/contexts/<name>.json, 0600 because it holds a key; the name
of the current one lies in ../current. `fairlead-controller init --context-file` writes the same format.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from fairlead_wire.errors import Invalid, Missing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Context:
    """`endpoint`: host:port of the fleet listener; `authority`, `certificate`, `key`: PEM, the certificate's chain."""

    name: str
    endpoint: str
    fleet_id: str
    authority: str
    certificate: str
    key: str = field(repr=False)


def config_directory(environment: Mapping[str, str] = os.environ) -> Path:
    configured = environment.get("FAIRLEAD_CONFIG")
    return Path(configured) if configured else Path.home() / ".config" / "fairlead"


def context_path(name: str, directory: Path | None = None) -> Path:
    """Raises Invalid for a name that could not be a file's."""
    if not NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} can't be the name of a context.",
            "Use letters, digits, dots, dashes and underscores, starting with a letter or digit.",
        )
    return (directory or config_directory()) / "contexts" / f"{name}.json"


def save(context: Context, directory: Path | None = None) -> Path:
    """Writes the context, 0600, whole or not at all; returns its path."""
    path = context_path(context.name, directory)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, json.dumps(asdict(context), indent=2) + "\n")
    return path


def load(path: Path) -> Context:
    """Raises Missing, or Invalid with what is wrong with the file."""
    try:
        return _context(path, json.loads(path.read_text()))
    except FileNotFoundError:
        raise Missing(f"There is no context {path.stem!r} ({path}).", _AFTER_MISSING) from None
    except (OSError, ValueError) as error:
        raise Invalid(f"The context file {path} can't be read: {error}.", _MAKE_ANEW) from None


def names(directory: Path | None = None) -> tuple[str, ...]:
    folder = (directory or config_directory()) / "contexts"
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def current_name(directory: Path | None = None) -> str:
    """The current context's name: the one chosen with `use`, else the only one there is, else empty."""
    chosen = (directory or config_directory()) / "current"
    if chosen.is_file():
        return chosen.read_text().strip()
    known = names(directory)
    return known[0] if len(known) == 1 else ""


def use(name: str, directory: Path | None = None) -> None:
    """Makes `name` the current context. Raises Missing if there is none of that name."""
    path = context_path(name, directory)
    if not path.is_file():
        raise Missing(f"There is no context {name!r}.", _AFTER_MISSING)
    write_private(path.parent.parent / "current", name + "\n")


def find(name: str = "", directory: Path | None = None) -> Context:
    """The context `name`, or the current one. Raises Missing when there is none."""
    chosen = name or current_name(directory)
    if not chosen:
        if names(directory):
            raise Missing(
                "No context is chosen.", "Choose one of `fairlead context ls` with `fairlead context use NAME`."
            )
        raise Missing("This machine has no context: it knows no controller.", _FIRST)
    return load(context_path(chosen, directory))


def write_private(path: Path, content: str) -> None:
    """0600 from the first byte on, in place by rename, on the disk before it returns."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _context(path: Path, content: object) -> Context:
    wanted = {item.name for item in fields(Context)}
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in wanted):
        raise Invalid(f"The context file {path} lacks one of: {', '.join(sorted(wanted))}.", _MAKE_ANEW)
    # The file's name is what people choose it by, whatever it was called where it was made.
    return Context(**{**{key: content[key] for key in wanted}, "name": path.stem})


_AFTER_MISSING = "See `fairlead context ls`."
_FIRST = (
    "Start the local lab with `fairlead lab up`, or copy the file that `fairlead-controller init` wrote to contexts/."
)
_MAKE_ANEW = "Make a new one on the controller's machine with `fairlead-controller admin-cert`."

"""Values of `docker run`'s flags: read here, so that what is wrong with them is told before anything is sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fairlead.api.v1.docker_pb2 import ContainerSpec
from fairlead_wire.errors import FairleadError, Invalid, Problem

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {unit: 1024**power for power, unit in enumerate(("", "k", "m", "g", "t", "p"))}
RESTART = re.compile(r"no|always|unless-stopped|on-failure(:\d+)?")


def memory_bytes(text: str) -> int:
    """Bytes of "512m", "1.5g", "64MiB"; "" is 0. Raises Invalid."""
    if not text:
        return 0
    found = _SIZE.fullmatch(text)
    if found is None:
        raise Invalid(f"{text!r} is no size.", "Write for example 512m or 2g.")
    size = int(float(found[1]) * _UNITS[found[2].lower()])
    if size >= 2**63:
        raise Invalid(f"{text!r} is more than any server has.", "Write for example 512m or 2g.")
    return size


def environment(values: Iterable[str], files: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """ "NAME=VALUE" of all files (content by name), then of all flags; "NAME" alone takes the value that we have."""
    lines = [(name, number, line) for name, text in files.items() for number, line in enumerate(text.splitlines(), 1)]
    wrong = [Problem(f"{name}:{number}", "no variable's name") for name, number, line in lines if not _sound(line)]
    wrong += [Problem("--env", f"{value!r} has no variable's name") for value in values if not value.split("=")[0]]
    if wrong:
        raise Invalid("Not every environment variable has a name.", "Write NAME=VALUE, without spaces in NAME.", wrong)
    told = [line.lstrip() for _, _, line in lines if _meant(line)]
    return [value for value in (_valued(text, ours) for text in [*told, *values]) if value is not None]


def _meant(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _sound(line: str) -> bool:
    name = line.lstrip().partition("=")[0]
    return not _meant(line) or (bool(name) and not re.search(r"\s", name))


def _valued(text: str, ours: Mapping[str, str]) -> str | None:
    if "=" in text:
        return text
    return f"{text}={ours[text]}" if text in ours else None


def labels(values: Iterable[str]) -> dict[str, str]:
    """ "KEY=VALUE" or KEY alone. Raises Invalid."""
    pairs = [value.partition("=") for value in values]
    if any(not key for key, _, _ in pairs):
        raise Invalid("A label has no key.", "Write --label KEY=VALUE.")
    return {key: value for key, _, value in pairs}


def capabilities(values: Iterable[str]) -> list[str]:
    """As Docker's client writes them: "net_admin" is "CAP_NET_ADMIN"; ALL needs no others beside it."""
    names = {value.strip().upper().removeprefix("CAP_") for value in values}
    return ["ALL"] if "ALL" in names else sorted(f"CAP_{name}" for name in names)


def container_spec(**fields: Any) -> ContainerSpec:
    """Raises Invalid with every problem that can be seen from here."""
    wrong = [Problem("--volume", _volume_problem(volume)) for volume in fields["volumes"] if _volume_problem(volume)]
    if fields["restart"] and not RESTART.fullmatch(fields["restart"]):
        wrong.append(Problem("--restart", "write no, always, unless-stopped or on-failure[:COUNT]"))
    if fields["restart"] not in ("", "no") and fields["remove"]:
        wrong.append(Problem("--rm", "a container that restarts can't be removed when it ends; leave out one of both"))
    if fields["cpus"] < 0:
        wrong.append(Problem("--cpus", "write a number above 0"))
    if wrong:
        raise Invalid("No container can be made like this.", "See `fairlead docker run --help`.", wrong)
    return ContainerSpec(**fields)


def _volume_problem(volume: str) -> str:
    source = volume.split(":")[0]
    if ":" in volume and source.startswith((".", "~")):
        return f"{source!r} would be a path on the node: write an absolute one there, or a volume's name"
    if ":" not in volume and not volume.startswith("/"):
        return f"{volume!r} is no path in the container"
    return ""


def tagged(reference: str) -> str:
    """With Docker's own tag if it has none: "nginx" is "nginx:latest"."""
    return reference if "@" in reference or ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def command_failure(error: FairleadError) -> int:
    """The exit code of `docker run` for what Docker refuses: 127 no such command, 126 one that can't be run, 125."""
    told = error.message
    if any(words in told for words in ("executable file not found", "no such file or directory")):
        return 127
    return 126 if any(words in told for words in ("permission denied", "is a directory")) else 125

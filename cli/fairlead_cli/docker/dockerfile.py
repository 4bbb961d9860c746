"""What in a Dockerfile the classic builder can't do, and Docker would tell only in the middle of a build. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairlead_wire.errors import Problem, Refused

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)")
_FLAGS = {
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("link", "chmod", "parents", "exclude"),
    "ADD": ("link", "chmod", "checksum", "keep-git-dir", "exclude", "unpack"),
}
_HEREDOC = re.compile(r"""(?:^|\s)\d*<<-?(["']?)[A-Za-z_]\w*\1(?=\s|$)""")
_PLATFORM = re.compile(r"\$\{?(?:BUILD|TARGET)PLATFORM")


def check(content: str, name: str) -> None:
    """Raises Refused with every line of the Dockerfile `name` that needs BuildKit."""
    problems = [Problem(f"{name}:{line}", what) for line, what in needs(content)]
    if problems:
        raise Refused(
            "This Dockerfile needs BuildKit, and nodes build with Docker's classic builder.",
            "Rewrite these lines, or build it elsewhere and push it to a registry that the nodes reach.",
            problems,
        )


def needs(content: str) -> Iterator[tuple[int, str]]:
    """Number of a line, and what in it needs BuildKit."""
    directives = _directives(content)
    if "syntax" in directives:
        number, value = directives["syntax"]
        yield number, f"`# syntax={value}` asks for a frontend of BuildKit; leave it out if nothing else needs it"
    for number, text in _instructions(content, directives.get("escape", (0, "\\"))[1]):
        yield from ((number, what) for what in _in_instruction(text))


def _in_instruction(text: str) -> Iterator[str]:
    word, _, rest = text.partition(" ")
    word = word.upper()
    for flag in _leading_flags(rest):
        if flag in _FLAGS.get(word, ()):
            yield f"{word} --{flag}"
    if word in _FLAGS and _HEREDOC.search(rest):
        yield f"a here-document (<<) after {word}"
    if word == "FROM" and _PLATFORM.search(rest):
        yield "FROM with BUILDPLATFORM or TARGETPLATFORM, which only BuildKit sets"


def _leading_flags(rest: str) -> Iterator[str]:
    for word in rest.split():
        if not word.startswith("--"):
            return
        yield word[2:].partition("=")[0]


def _directives(content: str) -> dict[str, tuple[int, str]]:
    """Those at the very top: name → number of the line and value."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(content.removeprefix("\ufeff").splitlines(), 1):
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        found[directive[1].lower()] = (number, directive[2])
    return found


def _instructions(content: str, escape: str) -> Iterator[tuple[int, str]]:
    """Number of its first line and text of each, with its continued lines; comments between them are none of it."""
    begun, text = 0, ""
    for number, line in enumerate(content.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        begun = begun or number
        text += f"{bare.removesuffix(escape)} "
        if not bare.endswith(escape):
            yield begun, text.strip()
            begun, text = 0, ""
    if text:
        yield begun, text.strip()

"""Which files of a folder Docker's builder is not sent: the patterns of a .dockerignore.

Docker's rules are not git's: a pattern holds from the context's root, "*" and "?" stop at a slash, "**" does not, the
last pattern that matches decides, and what matches a folder holds for all inside it unless a later "!" takes it back.
Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairlead_wire.errors import Invalid, Problem

Match = Callable[[str], bool]
Matched = tuple[bool, ...]
"""For each pattern, whether it matched a folder: all inside it match as well."""

_TOKEN = re.compile(
    r"(?P<all>\*\*/?)|(?P<any>\*)|(?P<one>\?)"
    r"|\[(?P<class>\^?(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+)\]"
    r"|\\(?P<escaped>.)|(?P<wrong>[\[\\])|(?P<plain>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Pattern:
    """`text` without the "!"; `exception`: what matches it is sent after all."""

    text: str
    exception: bool
    matches: Match


def read_patterns(content: str) -> tuple[str, ...]:
    """The patterns of a .dockerignore, cleaned: no comments, no empty lines, no leading slash."""
    lines = content.removeprefix("\ufeff").split("\n")
    return tuple(_cleaned(line.strip()) for line in lines if not line.startswith("#") and line.strip())


def compile_patterns(texts: Sequence[str]) -> tuple[Pattern, ...]:
    """Raises Invalid with every pattern that is none."""
    wrong = [Problem(".dockerignore", f"{text!r} is no pattern") for text in texts if not _sound(text)]
    if wrong:
        raise Invalid("The .dockerignore can't be read.", r"Write a bracket that is meant as such as \[.", wrong)
    return tuple(_pattern(text) for text in texts)


def excluded(patterns: Sequence[Pattern], path: str, parent: Matched | None = None) -> tuple[bool, Matched]:
    """Whether `path` ("a/b", from the context's root) is not sent, and what matched, for what lies inside it.

    `parent`: what matched its folder; None at the root.
    """
    out, matched = False, []
    for index, pattern in enumerate(patterns):
        # Docker leaves out those that could change nothing, also for what lies inside.
        hit = bool(parent and parent[index]) or (pattern.exception == out and pattern.matches(path))
        matched.append(hit)
        out = not pattern.exception if hit else out
    return out, tuple(matched)


def enters(patterns: Sequence[Pattern], folder: str) -> bool:
    """Whether an excluded folder has to be walked, because an exception names something inside it."""
    return any(pattern.exception and f"{pattern.text}/".startswith(f"{folder}/") for pattern in patterns)


def is_excluded(patterns: Sequence[Pattern], path: str) -> bool:
    """As `excluded`, for a path whose folders nobody has looked at."""
    matched: Matched | None = None
    out, parts = False, path.split("/")
    for depth in range(1, len(parts) + 1):
        out, matched = excluded(patterns, "/".join(parts[:depth]), matched)
    return out


def _cleaned(line: str) -> str:
    mark = "!" if line.startswith("!") else ""
    path = line.removeprefix("!").strip()
    if not path:
        return mark
    path = re.sub("^/+", "/", posixpath.normpath(path))
    return mark + (path[1:] if len(path) > 1 and path.startswith("/") else path)


def _sound(text: str) -> bool:
    return text != "!" and not any(token.lastgroup == "wrong" for token in _TOKEN.finditer(text))


def _pattern(text: str) -> Pattern:
    bare = text.removeprefix("!")
    return Pattern(bare, text.startswith("!"), _matcher(bare))


def _matcher(text: str) -> Match:
    """Docker compares most patterns as plain text, and those differ from their regular expression at the ends."""
    kinds = [token.lastgroup for token in _TOKEN.finditer(text)]
    if all(kind == "plain" for kind in kinds):
        return lambda path: path == text
    if kinds[-1] == "all" and all(kind == "plain" for kind in kinds[:-1]) and len(kinds) > 1:
        return lambda path: path.startswith(text[:-2])
    if kinds[0] == "all" and all(kind == "plain" for kind in kinds[1:]):
        tail = text[2:]
        return lambda path: path.endswith(tail) or f"/{path}" == tail
    whole = re.compile("".join(_expression(token, text) for token in _TOKEN.finditer(text)))
    return lambda path: whole.fullmatch(path) is not None


def _expression(token: re.Match[str], text: str) -> str:
    match token.lastgroup:
        case "all":
            return ".*" if token.end() == len(text) else "(?:.*/)?"
        case "any":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "class":
            return f"[{_class(token['class'])}]"
    return re.escape(token[token.lastgroup or 0])


def _class(content: str) -> str:
    """The inside of brackets as Python wants it: its set operators are plain characters for Docker."""
    return re.sub(r"([\[&~|])", r"\\\1", content)

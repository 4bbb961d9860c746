"""Cuts a template into texts and actions, and an action into its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairlead_wire.errors import Invalid


class TemplateError(Invalid):
    """What is wrong with a template, or with what it asks for."""


@dataclass(frozen=True)
class Token:
    """`kind`: the name of a group of `_TOKEN`; `spaced`: whether a space comes before it."""

    kind: str
    text: str
    spaced: bool


_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\\n]|\\.)*" | `[^`]*`)
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]{1,16} | [0-9]{1,18}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)(?![\w.]))
    | (?P<field>\.[^\W\d]\w*)
    | (?P<variable>\$\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<mark>:=|[=,()|.])
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*")


def wrong(what: str) -> TemplateError:
    return TemplateError(
        f"The template can't be used: {what}.", "Fairlead knows what docs/docker.md lists; see `--help` for examples."
    )


def pieces(text: str) -> Iterator[str | list[Token]]:
    """Texts and actions in turn."""
    at, trim = 0, False
    while True:
        begin = text.find("{{", at)
        piece = text[at:] if begin < 0 else text[at:begin]
        if trim:
            piece = piece.lstrip(" \t\r\n")
        trims = begin >= 0 and re.match(r"-[ \t\r\n]", text[begin + 2 : begin + 4]) is not None
        if trims:
            piece = piece.rstrip(" \t\r\n")
        if piece:
            yield piece
        if begin < 0:
            return
        tokens, at, trim = _action(text, begin + (3 if trims else 2))
        if tokens is not None:
            yield tokens


def _action(text: str, at: int) -> tuple[list[Token] | None, int, bool]:
    """The tokens of an action (None for a comment), where it ends, and whether it trims what follows."""
    comment = re.compile(r"[ \t\r\n]*/\*.*?\*/(?P<trim>[ \t\r\n]+-)?\}\}", re.DOTALL).match(text, at)
    if comment:
        return None, comment.end(), comment["trim"] is not None
    tokens: list[Token] = []
    while True:
        space = _SPACE.match(text, at)
        spaced, at = bool(space and space.group()), space.end() if space else at
        if text.startswith("}}", at):
            return tokens, at + 2, False
        if spaced and text.startswith("-}}", at):
            return tokens, at + 3, True
        found = _TOKEN.match(text, at)
        if found is None:
            unread = text[at : at + 10]
            raise wrong(f"{unread!r} makes no sense in an action" if unread else "an action has no end")
        tokens.append(Token(str(found.lastgroup), found.group(), spaced))
        at = found.end()


_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def literal(text: str) -> str | int | float:
    """Of a literal."""
    if text[0] == "`":
        return text[1:-1]
    if text[0] == '"':
        return _ESCAPE.sub(_unescaped, text[1:-1])
    if "x" in text.lower():
        return int(text, 16)
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _unescaped(found: re.Match[str]) -> str:
    letter = found[1]
    if len(letter) == 1:
        if letter not in _LETTERS:
            raise wrong(f"\\{letter} is no escape")
        return _LETTERS[letter]
    code = int(letter[1:], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise wrong(f"\\{letter} is no character")
    return chr(code)

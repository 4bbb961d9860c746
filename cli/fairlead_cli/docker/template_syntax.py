"""Reads the part of Go's text/template that people use with docker into a tree. Pure.

Known: {{.A.B}}, variables, literals, calls, pipes, parentheses, if/else if/else, range, with, comments, and the dashes
that trim spaces. Not known, and refused with a sentence: define, template, block, break, continue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead_cli.docker.template_words import Token, literal, pieces, wrong

MOST_NESTED = 40


@dataclass(frozen=True)
class Literal:
    value: str | int | float | bool | None


@dataclass(frozen=True)
class Chain:
    """`path` of fields below a start: "." (the current value), "$name", a name of a function, or a pipe."""

    start: str | Pipe
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        start = self.start if isinstance(self.start, str) else "(…)"
        fields = "".join(f".{name}" for name in self.path)
        return fields if start == "." and fields else start + fields


Word = Literal | Chain


@dataclass(frozen=True)
class Pipe:
    """Commands, each of whose results is the last argument of the next; `names` of variables that get the result."""

    commands: tuple[tuple[Word, ...], ...]
    names: tuple[str, ...] = ()
    declares: bool = False


@dataclass(frozen=True)
class Block:
    """if, range or with."""

    kind: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


Node = str | Pipe | Block


_CONSTANTS = {"true": True, "false": False, "nil": None}
_REFUSED = ("define", "template", "block", "break", "continue")


def parse(text: str) -> tuple[Node, ...]:
    """Raises TemplateError."""
    reader = _Reader(list(pieces(text)))
    nodes = reader.nodes(0)
    if reader.left:
        raise wrong(f"{{{{{reader.pieces[reader.at][0].text}}}}} has nothing that it belongs to")  # type: ignore[union-attr]
    return nodes


class _Reader:
    """Makes a tree of texts and actions."""

    def __init__(self, pieces: Sequence[str | list[Token]]) -> None:
        self.pieces = pieces
        self.at = 0

    @property
    def left(self) -> bool:
        return self.at < len(self.pieces)

    def nodes(self, depth: int) -> tuple[Node, ...]:
        """Until the end, or an action that ends or divides the block."""
        if depth > MOST_NESTED:
            raise wrong(f"it has more than {MOST_NESTED} blocks in each other")
        found: list[Node] = []
        while self.left:
            piece = self.pieces[self.at]
            if isinstance(piece, str):
                found.append(piece)
            elif not piece:
                raise wrong("an action is empty")
            elif piece[0].text in ("end", "else"):
                break
            elif piece[0].text in ("if", "range", "with"):
                found.append(self._block(piece, depth))
                continue
            elif piece[0].text in _REFUSED:
                raise wrong(f"Fairlead has no {{{{{piece[0].text}}}}}")
            else:
                found.append(_Pipes(piece).whole())
            self.at += 1
        return tuple(found)

    def _block(self, tokens: list[Token], depth: int) -> Block:
        kind = tokens[0].text
        pipe = _Pipes(tokens[1:]).whole()
        self.at += 1
        body = self.nodes(depth + 1)
        otherwise: tuple[Node, ...] = ()
        divider = self._divider(kind)
        if divider[0].text == "else":
            if len(divider) > 1:  # else if: a block of its own, with the same end
                return Block(kind, pipe, body, (self._chained(kind, divider, depth),))
            self.at += 1
            otherwise = self.nodes(depth + 1)
            if self._divider(kind)[0].text != "end":
                raise wrong(f"{{{{{kind}}}}} has two {{{{else}}}}")
        self.at += 1
        return Block(kind, pipe, body, otherwise)

    def _chained(self, kind: str, divider: list[Token], depth: int) -> Block:
        if divider[1].text != kind or kind == "range":
            raise wrong("only {{else if}} and {{else with}} go on")
        return self._block(divider[1:], depth + 1)

    def _divider(self, kind: str) -> list[Token]:
        if not self.left:
            raise wrong(f"{{{{{kind}}}}} has no {{{{end}}}}")
        piece = self.pieces[self.at]
        assert isinstance(piece, list)
        if piece[0].text == "end" and len(piece) > 1:
            raise wrong("{{end}} takes nothing")
        return piece


class _Pipes:
    """Reads the words of one action."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Pipe:
        pipe = self._pipe(0)
        if self._at < len(self._tokens):
            raise wrong(f"{self._tokens[self._at].text!r} is one too many")
        return pipe

    def _pipe(self, depth: int) -> Pipe:
        if depth > MOST_NESTED:
            raise wrong(f"it has more than {MOST_NESTED} parentheses in each other")
        names, declares = self._names() if depth == 0 else ((), False)
        commands = [self._command(depth)]
        while self._take("|"):
            commands.append(self._command(depth))
        return Pipe(tuple(commands), names, declares)

    def _names(self) -> tuple[tuple[str, ...], bool]:
        """`$a :=`, `$a, $b :=` or `$a =`; nothing if it begins otherwise."""
        shape = [token.text if token.kind == "mark" else token.kind for token in self._tokens[:4]]
        for wanted in (["variable", ":="], ["variable", "="], ["variable", ",", "variable", ":="]):
            if shape[: len(wanted)] == wanted:
                self._at = len(wanted)
                names = [token.text for token in self._tokens[: len(wanted)] if token.kind == "variable"]
                return tuple(names), wanted[-1] == ":="
        return (), False

    def _command(self, depth: int) -> tuple[Word, ...]:
        words: list[Word] = []
        while self._at < len(self._tokens) and self._tokens[self._at].text not in ("|", ")"):
            words.append(self._word(depth))
        if not words:
            raise wrong("something is missing in an action")
        return tuple(words)

    def _word(self, depth: int) -> Word:
        token = self._tokens[self._at]
        self._at += 1
        match token.kind:
            case "string" | "number":
                return Literal(literal(token.text))
            case "word" if token.text in _CONSTANTS:
                return Literal(_CONSTANTS[token.text])
            case "word":
                return Chain(token.text)
            case "field":
                return Chain(".", (token.text[1:], *self._path()))
            case "variable":
                return Chain(token.text, self._path())
        if token.text == "(":
            inner = self._pipe(depth + 1)
            if not self._take(")"):
                raise wrong("a parenthesis has no end")
            return Chain(inner, self._path())
        if token.text == ".":
            return Chain(".")
        raise wrong(f"{token.text!r} stands where a value should")

    def _path(self) -> tuple[str, ...]:
        """Fields that follow without a space."""
        found = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind != "field" or token.spaced:
                break
            found.append(token.text[1:])
            self._at += 1
        return tuple(found)

    def _take(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].text == mark:
            self._at += 1
            return True
        return False

"""Templates as Docker's `--format` takes them. Pure, and raises nothing but TemplateError.

Template("{{.Name}} {{json .State}}").run(value)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fairlead_cli.docker.template_functions import FUNCTIONS, Fields, Function, true
from fairlead_cli.docker.template_syntax import Block, Chain, Literal, Node, Pipe, Word, parse
from fairlead_cli.docker.template_text import shown
from fairlead_cli.docker.template_words import TemplateError, wrong

__all__ = ["Fields", "Template", "TemplateError"]

_NOTHING = object()


class Template:
    """A template that was read. Raises TemplateError if it can't be."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._nodes = parse(text)

    def run(
        self,
        value: Any,
        optional: Mapping[str, Any] = MappingProxyType({}),
        functions: Mapping[str, Function] = FUNCTIONS,
    ) -> str:
        """What it makes of JSON's values. `optional`: names that may be missing or null, and what they are then."""
        run = _Run(value, optional, functions)
        run.all(self._nodes, value)
        return "".join(run.written)

    def fields(self) -> set[str]:
        """Names of the value's fields that it uses, "" if it uses the whole value."""
        return {chain.path[0] if chain.path else "" for chain in _chains(self._nodes) if chain.start in (".", "$")}


def _chains(part: Any) -> list[Chain]:
    """All chains below; in the body of range and with the dot is another one."""
    match part:
        case Chain(start=str()):
            return [part]
        case Chain(start=inner):
            return _chains(inner)
        case Pipe():
            return _chains(part.commands)
        case Block():
            within = [chain for chain in _chains(part.body) if part.kind == "if" or chain.start == "$"]
            return _chains((part.pipe, part.otherwise)) + within
        case tuple():
            return [chain for each in part for chain in _chains(each)]
    return []


class _Run:
    """One run: variables, and what was written."""

    def __init__(self, root: Any, optional: Mapping[str, Any], functions: Mapping[str, Function]) -> None:
        self._variables: list[tuple[str, Any]] = [("$", root)]
        self._optional = optional
        self._functions = functions
        self.written: list[str] = []

    def all(self, nodes: Sequence[Node], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, str):
                self.written.append(node)
            elif isinstance(node, Block):
                known = len(self._variables)
                self._block(node, dot)
                del self._variables[known:]
            else:
                result = self._pipe(node, dot)
                if not node.names:
                    self.written.append(shown(result))

    def _block(self, block: Block, dot: Any) -> None:
        if block.kind == "range":
            self._range(block, dot)
            return
        value = self._pipe(block.pipe, dot)
        if true(value):
            self.all(block.body, value if block.kind == "with" else dot)
        else:
            self.all(block.otherwise, dot)

    def _range(self, block: Block, dot: Any) -> None:
        values = self._pipe(block.pipe, dot, keep=False)
        pairs = list(_pairs(values))
        for key, value in pairs:
            known = len(self._variables)
            names = block.pipe.names
            self._keep(names, (value,) if len(names) == 1 else (key, value), declares=True)
            self.all(block.body, value)
            del self._variables[known:]
        if not pairs:
            self.all(block.otherwise, dot)

    def _pipe(self, pipe: Pipe, dot: Any, keep: bool = True) -> Any:
        result: Any = _NOTHING
        for command in pipe.commands:
            result = self._command(command, dot, result)
        if keep and pipe.names:
            if len(pipe.names) > 1:
                raise wrong("only {{range}} gives two variables")
            self._keep(pipe.names, (result,), pipe.declares)
        return result

    def _keep(self, names: Sequence[str], values: Sequence[Any], declares: bool) -> None:
        for name, value in zip(names, values, strict=False):
            if declares:
                self._variables.append((name, value))
                continue
            at = next((i for i in reversed(range(len(self._variables))) if self._variables[i][0] == name), None)
            if at is None:
                raise wrong(f"there is no variable {name}")
            self._variables[at] = (name, value)

    def _command(self, words: Sequence[Word], dot: Any, piped: Any) -> Any:
        """The first word with the rest as its arguments, and what came through the pipe as the last one."""
        more = () if piped is _NOTHING else (piped,)
        first = words[0]
        if isinstance(first, Chain) and isinstance(first.start, str) and first.start[0] not in ".$":
            return self._call(first.start, [*(self._word(word, dot) for word in words[1:]), *more])
        value = self._word(first, dot, called=True)
        if callable(value):
            return _called(str(first), value, [*(self._word(word, dot) for word in words[1:]), *more])
        if words[1:] or more:
            raise wrong(f"{_source(first)} takes no argument")
        return value

    def _word(self, word: Word, dot: Any, called: bool = False) -> Any:
        if isinstance(word, Literal):
            return word.value
        value = self._start(word.start, dot)
        for name in word.path:
            value = self._field(value, name, word)
        return _called(str(word), value, []) if callable(value) and not called else value

    def _start(self, start: str | Pipe, dot: Any) -> Any:
        if isinstance(start, Pipe):
            return self._pipe(start, dot)
        if start == ".":
            return dot
        if start.startswith("$"):
            for name, value in reversed(self._variables):
                if name == start:
                    return value
            raise wrong(f"there is no variable {start}")
        return self._call(start, [])

    def _field(self, value: Any, name: str, chain: Chain) -> Any:
        if isinstance(value, Mapping):
            if (found := value.get(name)) is not None:
                return found
            if name in value:
                return self._optional.get(name)
            if isinstance(value, Fields):
                raise wrong(f"there is no {name}; there are {', '.join(sorted(value))}")
            alike = [key for key in value if isinstance(key, str) and key.lower() == name.lower()]
            if len(alike) == 1:
                return value[alike[0]]
        if name in self._optional or value is None:
            return self._optional.get(name)
        raise wrong(f"{chain} leads nowhere: there is no {name}")

    def _call(self, name: str, arguments: Sequence[Any]) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise wrong(f"there is no function {name}; there are {', '.join(sorted(self._functions))}")
        return _called(name, function, arguments)


def _called(name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        raise wrong(f"{name} does not take {len(arguments)} arguments") from None
    return function(*arguments)


def _pairs(values: Any) -> list[tuple[Any, Any]]:
    if isinstance(values, Mapping):
        return [(key, values[key]) for key in sorted(values)]
    if isinstance(values, Sequence) and not isinstance(values, str):
        return list(enumerate(values))
    if values is None:
        return []
    raise wrong(f"range takes a list or a map, not {shown(values)[:20]}")


def _source(word: Word) -> str:
    return repr(word.value) if isinstance(word, Literal) else str(word)

"""Where each value of a YAML document stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from fairlead_wire.errors import Problem

MOST_CHARACTERS = 256 * 1024
MOST_LEVELS = 40


class UnfitError(yaml.YAMLError):
    """YAML that no cluster spec needs, in this line, counted from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line} {what}")
        self.line, self.what = line, what


class Lines:
    """Paths such as "spec.network.pods" → line numbers from 1."""

    def __init__(self, root: yaml.Node | None, file_name: str) -> None:
        self._file_name = file_name
        self._lines: dict[str, int] = {}
        self._duplicates: list[Problem] = []
        if root is not None:
            self._walk(root, ())

    def where(self, path: str) -> str:
        """ "cluster.yaml:12 spec.network.pods"; for what is not there, the line of what it would be in."""
        return f"{self._file_name}:{self.line(path)} {path}"

    def line(self, path: str) -> int:
        while path not in self._lines and path:
            path = path.rpartition(".")[0]
        return self._lines.get(path, 1)

    def duplicates(self) -> list[Problem]:
        """Keys that a map has twice: YAML's last one would win in silence."""
        return self._duplicates

    def sorted(self, problems: Iterable[Problem]) -> list[Problem]:
        """By their lines."""
        return sorted(problems, key=lambda problem: self.line(problem.where.partition(" ")[2]))

    def _walk(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        self._lines.setdefault(".".join(path), node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            self._walk_map(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*path, str(index)))

    def _walk_map(self, node: yaml.MappingNode, path: tuple[str, ...]) -> None:
        seen: dict[str, int] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if name in seen:
                where = ".".join((*path, name))
                what = f"is there twice, first in line {seen[name]}; write it once"
                self._duplicates.append(Problem(f"{self._file_name}:{line} {where}", what))
            seen[name] = line
            self._lines[".".join((*path, name))] = line
            self._walk(value, (*path, name))


def read(text: str, file_name: str) -> tuple[Any, Lines]:
    """The document's content and its lines. Raises yaml.YAMLError, also for more than one document, UnfitError."""
    _check(text)
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        content = loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()
    return content, Lines(root, file_name)


def _check(text: str) -> None:
    """Before anything is built: a few nested aliases stand for thousands of millions of values, or for themselves."""
    if len(text) > MOST_CHARACTERS:
        raise UnfitError(1, f"has {len(text)} characters; write a cluster spec, which has some hundred")
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise UnfitError(line, "has an alias, which a spec can't have; write the values out")
        if depth > MOST_LEVELS:
            raise UnfitError(line, "is nested too deeply; write a cluster spec")

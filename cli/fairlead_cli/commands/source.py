"""Reading a cluster spec and the zone files that it names, to be sent to the controller."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from fairlead.api.v1 import clusters_pb2
from fairlead_wire.errors import Invalid, Problem


def read_source(file: str) -> clusters_pb2.ClusterSource:
    """The spec in `file` ("-": standard input). Zone files are looked for beside it.

    Raises Invalid for what can't be read. What is wrong inside the spec, or missing beside it, is for the controller
    to say, with line numbers and all at once.
    """
    text = _decoded(sys.stdin.buffer.read(), "Standard input") if file == "-" else _text(Path(file))
    folder = Path() if file == "-" else Path(file).parent
    files, problems = {}, []
    for written in _zone_paths(text):
        path = folder / written
        try:
            if path.is_file():
                files[written] = _text(path)
        except Invalid as error:
            problems.append(Problem(str(path), error.message))
    if problems:
        raise Invalid("Zone files can't be read.", "Correct them or take them out of spec.dns.zones.", problems)
    return clusters_pb2.ClusterSource(spec_yaml=text, files=files, file_name="stdin" if file == "-" else file)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Invalid(f"There is no file {path}.", "Give the path of a cluster spec with -f FILE.") from None
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.", "Check the path and its permissions.") from None
    return _decoded(content, str(path))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Invalid(f"{name} is not text in UTF-8.", "Give the path of a YAML file.") from None


def _zone_paths(text: str) -> Iterator[str]:
    """The paths under spec.dns.zones, of whatever else the text may be."""
    try:
        node = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # the controller says it, with its line
        return
    for key in ("spec", "dns", "zones"):
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, dict):
        yield from sorted({path for path in node.values() if isinstance(path, str)})

"""cluster.yaml → ClusterSpec. All problems at once, each with its file and line and with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.plan.catalogue import RELEASES
from fairlead_controller.plan.rendering import merged
from fairlead_controller.plan.validation import problems as cross_field_problems
from fairlead_controller.spec_lines import Lines, UnfitError, read
from fairlead_controller.spec_words import explain, unknown_keys
from fairlead_wire.errors import Invalid, Problem

NEXT_STEP = "Correct them and run the command again; nothing was changed."


def parse(spec_yaml: str, files: Mapping[str, str], file_name: str) -> ClusterSpec:
    """`files`: path as written in the spec → content. Raises Invalid with every problem."""
    try:
        content, lines = read(spec_yaml, file_name)
    except UnfitError as error:
        raise _invalid(file_name, [Problem(f"{file_name}:{error.line}", error.what)]) from None
    except yaml.MarkedYAMLError as error:
        raise _invalid(file_name, [_not_yaml(error, file_name)]) from None
    except yaml.YAMLError as error:
        raise _invalid(file_name, [Problem(file_name, f"is not YAML: {error}")]) from None
    except ValueError as error:  # of a date that no calendar has, or a number of thousands of digits
        raise _invalid(file_name, [Problem(file_name, f"has a value that can't be read: {error}")]) from None
    found = [*lines.duplicates(), *_wrong_top(content, file_name)]
    if found:
        raise _invalid(file_name, found)
    return _validated(content, files, lines, file_name)


def _validated(content: Any, files: Mapping[str, str], lines: Lines, file_name: str) -> ClusterSpec:
    found: list[Problem] = []
    try:
        spec = ClusterSpec.model_validate(content)
    except ValidationError as error:
        found = _from_pydantic(error, content, lines)
        sound = _sound_part(content, found)
        if sound is None:
            raise _invalid(file_name, lines.sorted(found)) from None
        spec = sound
    found += [Problem(lines.where(problem.where), problem.what) for problem in cross_field_problems(spec, files)]
    if found:
        raise _invalid(file_name, lines.sorted(found))
    return spec


def _sound_part(content: Any, found: list[Problem]) -> ClusterSpec | None:
    """The spec without what is wrong by itself, so that rules between the other fields are told in the same breath."""
    wrong = {problem.where.partition(" ")[2] for problem in found}
    try:
        return ClusterSpec.model_validate(merged(_SOUND, _without(content, wrong, "")))
    except ValidationError:
        return None


_SOUND: Mapping[str, Any] = {
    "apiVersion": "fairlead/v1",
    "kind": "Cluster",
    "metadata": {"name": "cluster"},
    "spec": {"kubernetes": next(iter(RELEASES))},
}


def _without(content: Any, wrong: set[str], path: str) -> Any:
    if isinstance(content, Mapping):
        inner = {name: f"{path}.{name}".lstrip(".") for name in content}
        return {name: _without(each, wrong, inner[name]) for name, each in content.items() if inner[name] not in wrong}
    return content


def _from_pydantic(error: ValidationError, content: Any, lines: Lines) -> list[Problem]:
    """One problem for each place: a union reports each of its members."""
    found = [Problem(lines.where(path), what) for path, what in unknown_keys(content)]
    said = {problem.where for problem in found}
    for detail in error.errors(include_url=False):
        if detail["type"] == "extra_forbidden":
            continue
        path, what = explain(detail, content)
        where = lines.where(path)
        if where not in said:
            said.add(where)
            found.append(Problem(where, what))
    return found


def _wrong_top(content: Any, file_name: str) -> Iterator[Problem]:
    if content is None:
        yield Problem(file_name, "is empty; write a cluster spec that begins with apiVersion: fairlead/v1")
    elif not isinstance(content, Mapping):
        yield Problem(f"{file_name}:1", "is no cluster spec; write one that begins with apiVersion: fairlead/v1")


def _not_yaml(error: yaml.MarkedYAMLError, file_name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = f"{file_name}:{mark.line + 1}" if mark is not None else file_name
    reason = " ".join(part for part in (error.context, error.problem) if part)
    return Problem(where, f"is not YAML ({reason}); look at the indentation and the quotes of this line")


def _invalid(file_name: str, found: list[Problem]) -> Invalid:
    count = "one problem" if len(found) == 1 else f"{len(found)} problems"
    return Invalid(f"{file_name} has {count}.", NEXT_STEP, found)

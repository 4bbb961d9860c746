"""What a move changes, one line each, for people: which image, which arguments, which files. Pure.

Lines begin with "+" (new), "-" (gone) or "~" (changed). Contents of files are never shown: some are secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.snapshot import Snapshot
from fairlead_wire.assignment import Assignment
from fairlead_wire.task import TaskSpec, Variable

EMPTY = Assignment()


def lines(move: Move, snapshot: Snapshot, desired: Mapping[str, Assignment]) -> tuple[str, ...]:
    """The planner's own lines first, then what differs between what the node holds and what it will hold."""
    held, wanted = snapshot.held.get(move.node_id, EMPTY), desired.get(move.node_id, EMPTY)
    found = list(move.details)
    found += [line for line in _compared(move, held, wanted) if line not in found]
    return tuple(found)


def _compared(move: Move, held: Assignment, wanted: Assignment) -> Iterator[str]:
    if move.action is MoveAction.CONFIGURE:
        yield from _configuration(held, wanted)
        return
    old, new = held.task(move.component), wanted.task(move.component)
    if move.action is MoveAction.PLACE and new is not None:
        yield f"+ image {new.image}"
    elif move.action is MoveAction.REPLACE and old is not None and new is not None:
        yield from _task(old, new)


def _task(old: TaskSpec, new: TaskSpec) -> Iterator[str]:
    if old.image != new.image:
        yield f"~ image {old.image} → {new.image}"
    yield from _listed("argument", old.args, new.args)
    yield from _listed("variable", map(_variable, old.env), map(_variable, new.env))
    yield from _listed("mount", (m.target for m in old.mounts), (m.target for m in new.mounts))
    before = {item.path: item.digest for item in old.inputs}
    for item in new.inputs:
        if item.digest and before.get(item.path, item.digest) != item.digest:
            yield f"~ file {item.path}"
    for name in ("entrypoint", "privileged", "probe", "limits", "footprint"):
        if getattr(old, name) != getattr(new, name):
            yield f"~ {name}"


def _configuration(held: Assignment, wanted: Assignment) -> Iterator[str]:
    before, after = _named(held), _named(wanted)
    yield from (f"- {name}" for name in before if name not in after)
    yield from (f"+ {name}" for name in after if name not in before)
    yield from (f"~ {name}" for name in after if name in before and before[name] != after[name])


def _named(assignment: Assignment) -> dict[str, object]:
    """ "file /etc/…", "certificate /etc/…", "object kind/namespace/name" → the entry."""
    groups = (assignment.files, assignment.certificates, assignment.objects)
    return {entry.key.replace("/", " ", 1): entry for group in groups for entry in group}


def _listed(word: str, old: Iterable[str], new: Iterable[str]) -> Iterator[str]:
    before, after = list(old), list(new)
    yield from (f"- {word} {entry}" for entry in before if entry not in after)
    yield from (f"+ {word} {entry}" for entry in after if entry not in before)


def _variable(variable: Variable) -> str:
    return f"{variable.name}={variable.value}"

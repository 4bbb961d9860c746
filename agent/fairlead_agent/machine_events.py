"""Folds what happens by itself into the view: a new assignment, a session's begin and end, Docker's events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fairlead_agent.view import Fallback, Memory, Moment, View
from fairlead_wire.assignment import Assignment, FileSpec
from fairlead_wire.task import OnChange, TaskSpec

_COALESCE_SECONDS = 0.05


def remembered(memory: Memory, refusals: Mapping[str, str]) -> View:
    """The first view after the agent's start."""
    hashes = {task.component: task.hash for task in memory.assignment.tasks}
    return View(memory=memory, hashes=hashes, refusals=refusals)


def assigned(view: View, assignment: Assignment, refusals: Mapping[str, str], now: Moment) -> View:
    """A new assignment is held. What ran under the old one is remembered until its successor is confirmed.

    What it no longer names is forgotten: named again, it has to be done again, perhaps for another cluster.
    """
    hashes = {task.component: task.hash for task in assignment.tasks}
    components = set(hashes)
    memory = replace(
        view.memory,
        assignment=assignment,
        fallbacks=_fallbacks(view, assignment, hashes),
        failed={},
        finished={name: hash_ for name, hash_ in view.memory.finished.items() if name in components},
    )
    attempts = {key: item for key, item in view.attempts.items() if not key.startswith(("task/", "image/", "file/"))}
    objects = {spec.name: view.objects[spec.name] for spec in assignment.objects if spec.name in view.objects}
    removals = {item.key: view.removals[item.key] for item in assignment.removals if item.key in view.removals}
    return replace(
        _without_others(view, assignment),
        memory=memory,
        assigned_at=now.steady,
        hashes=hashes,
        refusals=refusals,
        attempts=attempts,
        objects=objects,
        removals=removals,
    )


def _without_others(view: View, assignment: Assignment) -> View:
    """What is known of files and certificates that are no longer named is no longer looked after."""
    files, certificates = ({item.path for item in each} for each in (assignment.files, assignment.certificates))
    return replace(
        view,
        files={path: state for path, state in view.files.items() if path in files},
        certificates={path: state for path, state in view.certificates.items() if path in certificates},
    )


def session_began(view: View, generation: int, obeyed: bool) -> View:
    """`obeyed`: whether this controller's assignments are taken. Waiting for it ends now."""
    memory = view.memory
    if generation > memory.generation:
        memory = replace(memory, generation=generation)
    attempts = {key: item for key, item in view.attempts.items() if not key.startswith("certificates/")}
    return replace(view, memory=memory, online=obeyed, attempts=attempts)


def session_ended(view: View) -> View:
    return replace(view, online=False)


def docker_stirred(view: View, now: Moment) -> View:
    """Something happened to a container of ours: events that come together make one listing."""
    return replace(view, listing_due=min(view.listing_due, now.steady + _COALESCE_SECONDS))


def files_changed(view: View, now: Moment) -> View:
    """Someone touched files of ours: all are looked at."""
    return replace(view, inspection_due=min(view.inspection_due, now.steady + _COALESCE_SECONDS))


def _fallbacks(view: View, new: Assignment, hashes: Mapping[str, str]) -> Mapping[str, Fallback]:
    """Of each component whose task changes: what its standing container was made from, if that is known."""
    fallbacks: dict[str, Fallback] = {}
    for task in new.tasks:
        held, known = view.assignment.task(task.component), view.memory.fallbacks.get(task.component)
        standing = (
            _standing_hash(view, task.component) or (known.hash if known else "") or view.hashes.get(task.component, "")
        )
        if standing == hashes[task.component]:
            continue
        if held is not None and view.hash_of(held) == standing:
            fallbacks[task.component] = Fallback(held, standing, _replaced_files(view.assignment, held))
        elif known is not None and known.hash == standing:
            fallbacks[task.component] = known
    return fallbacks


def _standing_hash(view: View, component: str) -> str:
    """The hash of the container that would be gone back to; "" if there is none or none was listed yet."""
    container = view.previous(component) or view.current(component)
    return container.hash if container is not None else ""


def _replaced_files(assignment: Assignment, task: TaskSpec) -> tuple[FileSpec, ...]:
    paths = {item.path for item in task.inputs if item.on_change is OnChange.REPLACE}
    return tuple(file for file in assignment.files if file.path in paths)

"""Where one task stands: which containers of its component there are, beside the one that is wanted. Pure."""

from __future__ import annotations

from enum import Enum, auto

from fairlead_agent.runtime.port import ContainerStatus
from fairlead_agent.view import View
from fairlead_wire.task import TaskKind, TaskSpec


class Standing(Enum):
    """`previous` is the container that was set aside for its successor (commit-confirm)."""

    ABSENT = auto()  # no container
    RIGHT = auto()  # the wanted one, alone
    WRONG = auto()  # one of another hash, alone
    BETWEEN = auto()  # only the previous one
    CONFIRMING = auto()  # the wanted one beside the previous one
    STALE = auto()  # one of another hash beside the previous one: the assignment changed in the middle
    FOREIGN = auto()  # the name belongs to another cluster


def standing(view: View, task: TaskSpec) -> Standing:
    current, previous = view.current(task.component), view.previous(task.component)
    if current is None:
        return Standing.ABSENT if previous is None else Standing.BETWEEN
    if current.cluster != view.assignment.cluster:
        return Standing.FOREIGN
    if current.hash == view.hash_of(task):
        return Standing.RIGHT if previous is None else Standing.CONFIRMING
    return Standing.WRONG if previous is None else Standing.STALE


def has_ended(view: View, task: TaskSpec) -> bool:
    """Whether this very job has run to its end, well or not."""
    if task.kind is not TaskKind.JOB:
        return False
    if view.memory.finished.get(task.component) == view.hash_of(task):
        return True
    current = view.current(task.component)
    right = current is not None and current.hash == view.hash_of(task)
    return right and current is not None and current.status is ContainerStatus.EXITED


def needs_image(view: View, task: TaskSpec) -> bool:
    """Whether a container of the task is to be made now or soon."""
    if has_ended(view, task) or f"task/{task.component}" in view.refusals:
        return False
    stand = standing(view, task)
    if stand in (Standing.BETWEEN, Standing.WRONG) and view.failure(task) is not None:
        return False
    if stand is Standing.WRONG:
        return view.online
    return stand in (Standing.ABSENT, Standing.BETWEEN, Standing.STALE)


def stands(view: View, task: TaskSpec, hash_: str) -> bool:
    """Whether the container that is kept, or would be gone back to, has this hash."""
    container = view.previous(task.component) or view.current(task.component)
    return container is not None and container.hash == hash_

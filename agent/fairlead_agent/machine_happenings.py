"""What is worth an event: the difference between two views, told in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead_agent.machine_inputs import wanted_files
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import View

# Kind, message, component.
News = tuple[str, str, str]


def news(before: View, after: View, listing: bool) -> Iterator[News]:
    """`listing`: `after` was seen, not done by us: then a container that is gone was taken away by others."""
    yield from _engine(before, after)
    yield from _failures(before, after)
    yield from _files(before, after)
    if listing and before.listed:
        yield from _containers(before, after)
        yield from _orphans(before, after)


def _engine(before: View, after: View) -> Iterator[News]:
    if before.engine and not after.engine:
        yield "docker-away", "Docker does not answer; containers are left as they are.", ""
    if after.engine and not before.engine and before.listed:
        yield "docker-back", "Docker answers again.", ""


def _failures(before: View, after: View) -> Iterator[News]:
    for component, failure in after.memory.failed.items():
        if before.memory.failed.get(component) != failure:
            text = f"The new {component} was given up, and the one before it is brought back: {failure.message}"
            yield "replacement-undone", text, component


def _files(before: View, after: View) -> Iterator[News]:
    if before.files is after.files:
        return
    for path, file in wanted_files(after).items():
        old, new = before.files.get(path), after.files.get(path)
        if old is None or new is None or old.digest != file.digest or new.digest == file.digest:
            continue
        what = "edited" if new.digest else "deleted"
        yield "file-restored", f"{path} was {what} by others and is written again.", ""


def _containers(before: View, after: View) -> Iterator[News]:
    for task in after.assignment.tasks:
        old, new = before.current(task.component), after.current(task.component)
        if old is None or old.status is ContainerStatus.DEAD:
            continue
        if _taken_away(old, new) and task.component in before.hashes:
            yield "container-missing", f"{old.name} was removed by others and is made again.", task.component
        elif new is not None and new.id == old.id and _died(old, new):
            often = f"; Docker has restarted it {new.restarts} times so far" if new.restarts else ""
            yield "container-died", f"{new.name} exited with code {new.exit_code}{often}.", task.component


def _taken_away(old: Container, new: Container | None) -> bool:
    """Also while its removal is under way: we see it through, and then it is gone by our own doing."""
    return new is None or (new.id == old.id and new.status is ContainerStatus.DEAD)


def _died(old: Container, new: Container) -> bool:
    ended = new.restarts > old.restarts or new.status not in (ContainerStatus.RUNNING, ContainerStatus.PAUSED)
    return old.status is ContainerStatus.RUNNING and ended


def _orphans(before: View, after: View) -> Iterator[News]:
    named = {task.component for task in after.assignment.tasks} | {item.name for item in after.assignment.removals}
    for name, container in after.containers.items():
        if name not in before.containers and container.component not in named:
            yield "orphan-found", f"{name} carries our labels, but no assignment names it; it is left alone.", ""

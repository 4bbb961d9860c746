"""What is told to the controller about the view: one observation a subject. Pure.

The reporter keeps only what is news, so this says everything each time it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from fairlead_agent.instructions import certificate_lane
from fairlead_agent.machine_health import in_trouble, is_healthy, is_overdue, probe_of
from fairlead_agent.machine_inputs import (
    certificate_serves,
    file_is_right,
    waits_for,
    wanted_certificates,
    wanted_files,
)
from fairlead_agent.machine_order import waits_to_start
from fairlead_agent.machine_removals import is_done, removal_waits_for, targets
from fairlead_agent.machine_standing import Standing, has_ended, standing
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import Moment, View, up
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec, Observation, Removal, Subject
from fairlead_wire.task import TaskKind, TaskSpec, TaskState

# Pulls or creations that fail this often are told as a failure; they are tried on all the same.
_TRIES = 2
# An observation is read by people: longer log lines are cut.
_MESSAGE_CHARACTERS = 4000


def observe(view: View, now: Moment) -> tuple[Observation, ...]:
    """Everything that is known; what is not known yet is left out."""
    return (
        *_tasks(view, now),
        *(_file(view, file) for file in wanted_files(view).values() if file.path in view.files),
        *(_certificate(view, spec) for spec in wanted_certificates(view) if spec.path in view.certificates),
        *(_object(view, spec, now) for spec in view.assignment.objects),
        *(_removal(view, removal, now) for removal in view.assignment.removals),
        *_orphans(view),
    )


def _tasks(view: View, now: Moment) -> Iterator[Observation]:
    for task in view.assignment.tasks:
        refusal = view.refusals.get(f"task/{task.component}", "")
        if refusal:
            yield _said(view, task, TaskState.FAILED, refusal)
        elif not view.listed:
            if not view.engine and view.failures("containers"):
                yield _said(view, task, TaskState.PENDING, f"Docker does not answer: {_why(view, 'containers')}")
        else:
            observation = _task(view, task, now)
            if observation is not None:
                yield observation


def _task(view: View, task: TaskSpec, now: Moment) -> Observation | None:
    stand, container = standing(view, task), view.current(task.component)
    if stand is Standing.FOREIGN and container is not None:
        text = (
            f"the container {container.name} belongs to cluster {container.cluster}: delete that cluster, or remove it"
        )
        return _said(view, task, TaskState.FAILED, text)
    failure = view.failure(task)
    if failure is not None and stand is not Standing.RIGHT:
        return _said(view, task, TaskState.FAILED, f"{failure.message} (the container before it was brought back)")
    if has_ended(view, task):
        return _ended(view, task, container)
    if container is None or stand is Standing.STALE:
        return _making(view, task, now)
    return _running(view, task, container, now)


def _making(view: View, task: TaskSpec, now: Moment) -> Observation:
    """No container yet: which of image, inputs, creation is under way, and why it does not come about."""
    image = f"image/{task.image}"
    if task.image not in view.images:
        failed = view.failures(image) >= _TRIES
        state = TaskState.FAILED if failed else TaskState.FETCHING
        return _said(view, task, state, _with_reason(f"fetching the image {task.image}", _why(view, image)))
    waits = waits_for(view, task) or waits_to_start(view, task, now)
    if waits:
        return _said(view, task, TaskState.PREPARING, waits)
    lane = f"task/{task.component}"
    state = TaskState.FAILED if view.failures(lane) >= _TRIES else TaskState.PREPARING
    return _said(view, task, state, _why(view, lane))


def _running(view: View, task: TaskSpec, container: Container, now: Moment) -> Observation | None:
    """`hash` is that of the container which is there: also when its successor is still being prepared."""
    if _first_answer_awaited(view, task, container, now):
        return None
    state, message = _state(view, task, container, now)
    if container.hash != view.hash_of(task):
        waits = _successor_waits(view, task)
        message = f"keeps running until its successor can start: {waits}" if waits else message
    return Observation(
        Subject.TASK, task.component, container.hash, state, message[:_MESSAGE_CHARACTERS], container.restarts
    )


def _first_answer_awaited(view: View, task: TaskSpec, container: Container, now: Moment) -> bool:
    """Whether it ran before this agent did and was not asked yet: that is no news of its health."""
    health = view.health.get(container.id)
    adopted = health is not None and health.adopted and not health.asked
    running = container.status is ContainerStatus.RUNNING
    return adopted and running and not is_healthy(view, probe_of(view, task, container), container, now)


def _state(view: View, task: TaskSpec, container: Container, now: Moment) -> tuple[TaskState, str]:
    if task.kind is TaskKind.JOB:
        return (TaskState.STARTING, "") if up(container) else (TaskState.CREATED, _why(view, f"task/{task.component}"))
    if is_healthy(view, probe_of(view, task, container), container, now):
        return TaskState.HEALTHY, ""
    health, words = view.health.get(container.id), _trouble(view, task, container, now)
    if health is not None and health.confirmed:
        return TaskState.UNHEALTHY, words
    if is_overdue(view, task, container, now):
        return TaskState.FAILED, words
    if not up(container):
        waits = waits_for(view, task) or _why(view, f"task/{task.component}")
        return TaskState.CREATED if container.started_ms == 0 else TaskState.STARTING, _with_reason(waits, words)
    return TaskState.STARTING, words


def _trouble(view: View, task: TaskSpec, container: Container, now: Moment) -> str:
    """Why it is not healthy: its exits, what the probe said, its last log lines."""
    health, words = view.health.get(container.id), view.last_words.get(container.id)
    said = [_exits(container)] if container.restarts or not up(container) else []
    if health is not None and health.message and container.status is ContainerStatus.RUNNING:
        said.append(health.message)
    if container.status is ContainerStatus.PAUSED:
        said.append(f"it is paused: run `docker unpause {container.name}`")
    if words is not None and words.text and in_trouble(view, task, container, now):
        said.append(f"its last log lines: {words.text}")
    if not view.engine:
        said.append("Docker does not answer")
    return "; ".join(said)


def _exits(container: Container) -> str:
    restarted = f", was restarted {container.restarts} times" if container.restarts else ""
    return f"exited with code {container.exit_code}{restarted}"


def _ended(view: View, task: TaskSpec, container: Container | None) -> Observation:
    if view.memory.finished.get(task.component) == view.hash_of(task) or container is None:
        return _said(view, task, TaskState.COMPLETED, "")
    if container.exit_code == 0:
        return _said(view, task, TaskState.COMPLETED, "")
    words = view.last_words.get(container.id)
    logs = f"its last log lines: {words.text}" if words is not None and words.text else ""
    return _said(view, task, TaskState.FAILED, _with_reason(f"exited with code {container.exit_code}", logs, "; "))


def _successor_waits(view: View, task: TaskSpec) -> str:
    if not view.online:
        return "waits for the controller"
    if task.image not in view.images:
        return _with_reason(f"fetching the image {task.image}", _why(view, f"image/{task.image}"))
    return waits_for(view, task)


def _said(view: View, task: TaskSpec, state: TaskState, message: str) -> Observation:
    return Observation(Subject.TASK, task.component, view.hash_of(task), state, message[:_MESSAGE_CHARACTERS])


def _file(view: View, file: FileSpec) -> Observation:
    if file_is_right(view, file):
        return _right(file.path, file.digest)
    refusal = view.refusals.get(file.key, "")
    failed = refusal or view.failures(file.key) >= _TRIES
    state = TaskState.FAILED if failed else TaskState.PREPARING
    return Observation(Subject.FILE, file.path, file.digest, state, refusal or _why(view, file.key))


def _certificate(view: View, spec: CertificateSpec) -> Observation:
    if certificate_serves(view, spec):
        return _right(spec.path, spec.digest)
    refusal = view.refusals.get(spec.key, "")
    if refusal:
        return Observation(Subject.FILE, spec.path, spec.digest, TaskState.FAILED, refusal)
    waits = _why(view, certificate_lane(spec)) if view.online else "waits for the controller to sign it"
    return Observation(Subject.FILE, spec.path, spec.digest, TaskState.PREPARING, waits)


@lru_cache(maxsize=512)
def _right(path: str, content: str) -> Observation:
    """What is to be said of nearly all files in each round: the same object, so that to see that it is no news is
    cheap."""
    return Observation(Subject.FILE, path, content, TaskState.HEALTHY)


def _object(view: View, spec: ObjectSpec, now: Moment) -> Observation:
    state = view.objects.get(spec.name)
    if state is None or state.digest != spec.digest:
        waits = _why(view, spec.key) or "waits for the kube-apiserver of this node to be healthy"
        return Observation(Subject.OBJECT, spec.name, spec.digest, TaskState.PENDING, waits)
    if state.applied:
        return Observation(Subject.OBJECT, spec.name, spec.digest, TaskState.HEALTHY)
    told = TaskState.PENDING if state.retry else TaskState.FAILED
    return Observation(Subject.OBJECT, spec.name, spec.digest, told, state.message[:_MESSAGE_CHARACTERS])


def _removal(view: View, removal: Removal, now: Moment) -> Observation:
    if is_done(view, removal):
        message = view.removals[removal.key].message
        return Observation(Subject.REMOVAL, removal.name, removal.hash, TaskState.REMOVED, message)
    lane = f"task/{removal.name}" if removal.kind.value == "task" else removal.key
    waits = "waits for the controller" if not view.online else removal_waits_for(view, removal, now)
    state = TaskState.FAILED if view.failures(lane) > _TRIES else TaskState.PENDING
    return Observation(Subject.REMOVAL, removal.name, removal.hash, state, waits or _why(view, lane))


def _orphans(view: View) -> Iterator[Observation]:
    """Containers of ours that nothing names: told, never removed."""
    named = {task.component for task in view.assignment.tasks}
    taken = {item.id for removal in view.assignment.removals for item in targets(view, removal)}
    for container in view.containers.values():
        if container.component not in named and container.id not in taken:
            state = TaskState.STARTING if up(container) else TaskState.CREATED
            message = "a container of ours that no assignment names; it is left alone"
            yield Observation(Subject.ORPHAN, container.name, container.hash, state, message)


def _why(view: View, key: str) -> str:
    attempt = view.attempts.get(key)
    return attempt.message if attempt is not None else ""


def _with_reason(what: str, reason: str, between: str = ": ") -> str:
    return between.join(part for part in (what, reason) if part)

"""What is known of containers, after a listing or after something was done to one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fairlead_agent.instructions import Discard, Launch, ReadLogs, Restore, Retire, RunProbe, Signal, Start
from fairlead_agent.machine_health import SETTLE_SECONDS, answered, new_health, restarted
from fairlead_agent.machine_standing import Standing, standing
from fairlead_agent.outcomes import ProbeResult
from fairlead_agent.runtime.port import Container, ContainerStatus
from fairlead_agent.view import Attempt, Failure, Health, LastWords, Moment, View
from fairlead_wire.task import TaskKind, TaskSpec

_FIRST_START_SECONDS, _LAST_START_SECONDS = 0.5, 30.0


def listed(view: View, issued: int, found: Iterable[Container], now: Moment) -> View:
    """The view after a listing that began when `issued` instructions had ended."""
    fresh = {item.name: item for item in found if not _changed_since(view, item.component, issued)}
    kept = {name: item for name, item in view.containers.items() if _changed_since(view, item.component, issued)}
    now_there = {**fresh, **kept}
    before = {item.id: item for item in view.containers.values()}
    health = {item.id: _health(view, before.get(item.id), item, now) for item in now_there.values()}
    words = {key: value for key, value in view.last_words.items() if key in health}
    signalled = {key: value for key, value in view.memory.signalled.items() if key in health}
    view = replace(view, containers=now_there, health=health, last_words=words, engine=True, listed=True)
    view = replace(view, unsure=frozenset(item for item in view.unsure if _changed_since(view, item, issued)))
    return _jobs_finished(_remembering(view, signalled))


def launched(view: View, instruction: Launch, container_id: str, now: Moment) -> View:
    task = instruction.task
    container = Container(
        container_id,
        task.container_name,
        instruction.cluster,
        task.component,
        task.hash,
        task.image,
        ContainerStatus.RUNNING,
    )
    return _running(view, container, instruction.fingerprint, now)


def started(view: View, instruction: Start, value: object, now: Moment) -> View:
    container = _by_id(view, instruction.container_id)
    return view if container is None else _running(view, container, instruction.fingerprint, now)


def retired(view: View, instruction: Retire, value: object, now: Moment) -> View:
    container = _by_id(view, instruction.container_id)
    if container is None:
        return view
    aside = replace(container, name=instruction.name, status=ContainerStatus.EXITED)
    return _put(_without(view, container.id), aside)


def restored(view: View, instruction: Restore, value: object, now: Moment) -> View:
    container = _by_id(view, instruction.container_id)
    if container is None:
        return view
    back = replace(container, name=instruction.name)
    known = view.memory.signalled.get(container.id, "")
    return _running(_without(view, container.id), back, known, now)


def discarded(view: View, instruction: Discard, value: object, now: Moment) -> View:
    return _without(view, instruction.container_id)


def signalled(view: View, instruction: Signal, value: object, now: Moment) -> View:
    return _remembering(view, {**view.memory.signalled, instruction.container_id: instruction.fingerprint})


def probed(view: View, instruction: RunProbe, value: ProbeResult, now: Moment) -> View:
    health = view.health.get(instruction.container_id)
    if health is None:
        return view
    view = replace(view, health={**view.health, instruction.container_id: answered(health, value, now)})
    return _start_succeeded(view, instruction.component) if value.healthy else view


def read(view: View, instruction: ReadLogs, value: object, now: Moment) -> View:
    words = LastWords(instruction.restarts, without_repeats(str(value)), now.steady)
    return replace(view, last_words={**view.last_words, instruction.container_id: words})


def gave_up(view: View, component: str, hash_: str, reason: str, logs: str) -> View:
    text = without_repeats(logs)
    message = f"{reason}; its last log lines: {text}" if text else reason
    failure = Failure(hash_, view.assignment.revision, message)
    return replace(view, memory=replace(view.memory, failed={**view.memory.failed, component: failure}))


def without_repeats(logs: str) -> str:
    """The log lines, each once: what crashes again and again says the same again and again."""
    return "\n".join(dict.fromkeys(line.rstrip() for line in logs.strip().splitlines()))


def start_failed(view: View, task: TaskSpec, message: str, now: Moment) -> View:
    """A successor that cannot even be started is given up at once: the old container is down meanwhile."""
    waiting_for_it = standing(view, task) in (Standing.BETWEEN, Standing.CONFIRMING)
    if not waiting_for_it or view.hashes.get(task.component) != task.hash:
        return view
    return gave_up(view, task.component, task.hash, message, "")


def _changed_since(view: View, component: str, issued: int) -> bool:
    return f"task/{component}" in view.in_flight or view.touched.get(component, 0) > issued


def _health(view: View, before: Container | None, container: Container, now: Moment) -> Health:
    health = view.health.get(container.id)
    if health is None:
        return new_health(now, adopted=not view.listed)
    if not view.engine and not health.confirmed:
        health = replace(health, first_seen=now.steady)  # no container can become healthy while Docker is away
    if container.status is not ContainerStatus.RUNNING:
        return replace(health, healthy=False, adopted=False, misses=0)
    if before is not None and _was_restarted(before, container):
        return restarted(health, now)
    if now.steady - health.since >= SETTLE_SECONDS and _has_no_probe(view, container):
        return replace(health, confirmed=True)
    return health


def _was_restarted(before: Container, container: Container) -> bool:
    if before.status is not ContainerStatus.RUNNING:
        return True
    # What we started ourselves has no known start until the first listing after it.
    return before.started_ms != 0 and before.started_ms != container.started_ms


def _has_no_probe(view: View, container: Container) -> bool:
    task = view.assignment.task(container.component)
    return task is not None and task.probe.kind.value == "unspecified"


def _running(view: View, container: Container, fingerprint: str, now: Moment) -> View:
    view = _put(view, replace(container, status=ContainerStatus.RUNNING, started_ms=0))
    view = replace(view, health={**view.health, container.id: new_health(now)})
    if fingerprint:
        view = _remembering(view, {**view.memory.signalled, container.id: fingerprint})
    key = f"start/{container.component}"
    failures = view.failures(key) + 1
    pause = min(_LAST_START_SECONDS, _FIRST_START_SECONDS * 2 ** min(failures - 1, 10))
    return replace(view, attempts={**view.attempts, key: Attempt(failures, now.steady + pause)})


def _start_succeeded(view: View, component: str) -> View:
    attempts = {key: item for key, item in view.attempts.items() if key != f"start/{component}"}
    return replace(view, attempts=attempts)


def _jobs_finished(view: View) -> View:
    finished: dict[str, str] = dict(view.memory.finished)
    for task in view.assignment.tasks:
        container = view.current(task.component)
        if task.kind is TaskKind.JOB and container is not None and _ended_well(container):
            finished[task.component] = container.hash
    if finished == view.memory.finished:
        return view
    return replace(view, memory=replace(view.memory, finished=finished))


def _ended_well(container: Container) -> bool:
    return container.status is ContainerStatus.EXITED and container.exit_code == 0


def _remembering(view: View, signalled: Mapping[str, str]) -> View:
    if signalled == view.memory.signalled:
        return view
    return replace(view, memory=replace(view.memory, signalled=signalled))


def _by_id(view: View, container_id: str) -> Container | None:
    return next((item for item in view.containers.values() if item.id == container_id), None)


def _put(view: View, container: Container) -> View:
    return replace(view, containers={**view.containers, container.name: container})


def _without(view: View, container_id: str) -> View:
    left = {name: item for name, item in view.containers.items() if item.id != container_id}
    return replace(view, containers=left)

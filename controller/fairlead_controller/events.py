"""Which event made which: what a move began is the cause of what is later seen of its component."""

from __future__ import annotations

from fairlead_controller.model.event import Event
from fairlead_controller.model.move import Move, MoveAction
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

# Steps in between are shown live by the operation; the log keeps what people look for afterwards.
TOLD = frozenset({TaskState.UNHEALTHY, TaskState.HEALTHY, TaskState.COMPLETED, TaskState.FAILED, TaskState.REMOVED})
_SUBJECTS = {
    Subject.TASK: "task",
    Subject.OBJECT: "object",
    Subject.REMOVAL: "removal",
    Subject.ORPHAN: "orphan",
    Subject.FILE: "file",
}
_VERBS = {
    MoveAction.CLAIM: "Claim {node}",
    MoveAction.PLACE: "Place {component} on {node}",
    MoveAction.CONFIGURE: "Configure {node}",
    MoveAction.REPLACE: "Replace {component} on {node}",
    MoveAction.REMOVE: "Remove {component} from {node}",
    MoveAction.RELEASE: "Release {node}",
}


class Causes:
    """The last event that began something on a node, by component; kept in memory, since only new events need it."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[str, int]] = {}

    def began(self, node_id: str, component: str, event_id: int) -> None:
        self._by_node.setdefault(node_id, {})[component] = event_id

    def of(self, node_id: str, component: str) -> int:
        """The component's own cause, else the node's latest, else 0."""
        causes = self._by_node.get(node_id, {})
        return causes.get(component) or max(causes.values(), default=0)

    def forget(self, node_id: str) -> None:
        self._by_node.pop(node_id, None)


def sentence(move: Move) -> str:
    """What a move does, in one sentence."""
    said = _VERBS[move.action].format(node=move.node, component=move.component or "it")
    return f"{said} ({'; '.join(move.details)})." if move.details else f"{said}."


def move_begun(move: Move, cluster: str, cause_id: int) -> Event:
    return Event("move-begun", sentence(move), cluster, move.node, move.component, cause_id)


def observed(node: str, cluster: str, before: Observation | None, now: Observation, cause_id: int) -> Event | None:
    """The event for a subject's new state, None where nothing is worth the log."""
    if now.subject is Subject.ORPHAN:
        return None if before is not None else _orphan(node, cluster, now)
    if now.subject is Subject.FILE and now.state is not TaskState.FAILED:
        return None
    same = before is not None and (before.state, before.hash) == (now.state, now.hash)
    if same or now.state not in TOLD:
        return None
    subject, state = _SUBJECTS.get(now.subject, "subject"), now.state.word
    if now.subject is Subject.REMOVAL and now.state is TaskState.REMOVED:
        state = "done"
    message = f"{now.name} is {now.state.word}" + (f": {now.message}" if now.message else ".")
    return Event(f"{subject}-{state}", message, cluster, node, now.name, cause_id)


def _orphan(node: str, cluster: str, now: Observation) -> Event:
    message = f"{now.name} runs on {node} and no assignment names it; it is left alone."
    return Event("orphan-seen", message, cluster, node, now.name)

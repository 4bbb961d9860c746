"""What each move waits for. No silent wait: the answer is a sentence, and empty means "now".

- Nothing is begun while a restored database is not confirmed.
- Nothing is begun on a node without a session, or on one that knows more than a restored database.
- Replacements: one at a time in a cluster, and only while everything else is healthy. A component that is itself not
  healthy may be replaced as soon as what it depends on is, for that may be the cure.
- Removals: one at a time on a node, control planes after all workers are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.snapshot import ClusterPhase, Observed, Snapshot
from fairlead_controller.plan import catalogue, quorum
from fairlead_controller.plan.diff import HOST, host_removal
from fairlead_controller.plan.gaps import Gaps, Leaving, Staying, rank
from fairlead_controller.plan.remembered import Remembered
from fairlead_controller.plan.seen import Seen, removal_seen, task_seen
from fairlead_wire.assignment import Removal, RemovalKind
from fairlead_wire.task import TaskSpec

UNCONFIRMED = (
    "waits for an admin to confirm the restored database: look at `fairlead fleet show`, then `fairlead fleet confirm`"
)


@dataclass(frozen=True)
class Running:
    """A held task on a node that can be seen."""

    node_id: str
    node: str
    task: TaskSpec
    seen: Seen

    @property
    def rank(self) -> int:
        return rank(catalogue.REPLACEMENT_ORDER, self.task.component)

    @property
    def key(self) -> tuple[str, str]:
        return (self.node_id, self.task.component)

    @property
    def blocks(self) -> str:
        name = f"{self.task.component} on {self.node}"
        if self.seen.failed:
            why = f": {self.seen.message}" if self.seen.message else ""
            return f"stopped, because {name} failed{why}; correct the spec and apply it again"
        return f"waits for {name} to be healthy, it is {self.seen.sentence}"


def _ill(gap: Staying, observed: Observed) -> tuple[Running, ...]:
    """Held tasks that are not healthy."""
    each = (Running(gap.node.id, gap.node.name, task, task_seen(observed, task)) for task in gap.held.tasks)
    return tuple(running for running in each if not running.seen.well)


_ILL = Remembered(_ill)


class Waits:
    def __init__(self, snapshot: Snapshot, found: Gaps, moves: tuple[Move, ...]) -> None:
        self._snapshot, self._gaps = snapshot, found
        self._staying = {gap.node.id: gap for gap in found.staying}
        self._leaving = {gap.node.id: gap for gap in found.leaving}
        self._replacements = {(m.node_id, m.component): m for m in moves if m.action is MoveAction.REPLACE}
        self._removals = {m.node_id: m for m in reversed(moves) if m.action is MoveAction.REMOVE}
        self._founders = self._wait_for_founders()
        self._rules: Mapping[MoveAction, Callable[[Move], str]] = {
            MoveAction.CLAIM: self._place,
            MoveAction.PLACE: self._place,
            MoveAction.CONFIGURE: self._place,
            MoveAction.REPLACE: self._replace,
            MoveAction.REMOVE: self._remove,
            MoveAction.RELEASE: self._release,
        }

    def of(self, move: Move) -> str:
        return self._confirmation() or self._session(move) or self._rules[move.action](move)

    def _confirmation(self) -> str:
        """A restored database shows what it would do, and does nothing."""
        return UNCONFIRMED if self._snapshot.fleet.unconfirmed else ""

    def _session(self, move: Move) -> str:
        if move.node_id in self._snapshot.fleet.reachable:
            return ""
        if move.node_id in self._snapshot.fleet.observed_only:
            return (
                f"waits for an admin to confirm what {move.node} holds, which the restored database does not know: "
                "look at `fairlead fleet show`, then `fairlead fleet confirm`"
            )
        return f"waits for the agent of {move.node}, which has no session; look at `docker ps` on that server"

    @cached_property
    def _ill(self) -> Mapping[tuple[str, str], Running]:
        """What is not healthy on nodes that can be seen, the worst first; only replacements ask for it."""
        reachable = self._snapshot.fleet.reachable
        seen = [(gap, self._snapshot.observed_on(gap.node.id)) for gap in self._gaps.staying]
        of_nodes = _ILL.each(self._snapshot.cluster.name, ((gap.node.id, (gap, what)) for gap, what in seen))
        found = [each for node_id, ill in of_nodes.items() if node_id in reachable for each in ill]
        worst_first = sorted(found, key=lambda each: (not each.seen.failed, each.rank, each.node))
        return {each.key: each for each in worst_first}

    def _place(self, move: Move) -> str:
        """A node that came back before it was emptied is emptied first."""
        return self._founders or self._unfinished(
            self._staying[move.node_id], lambda removal: removal.kind is RemovalKind.HOST
        )

    def _wait_for_founders(self) -> str:
        """A new cluster begins with all its control planes: a member that came later would have to be let in."""
        founders = [gap for gap in self._gaps.staying if gap.is_new and gap.is_control_plane]
        away = [gap.node.name for gap in founders if gap.node.id not in self._snapshot.fleet.reachable]
        return f"waits for the agents of all control planes; without a session: {', '.join(away)}" if away else ""

    def _replace(self, move: Move) -> str:
        if emptied := self._place(move):
            return emptied
        ill = (move.node_id, move.component) in self._ill
        worst = next((each for each in self._ill.values() if self._blocks(each, move, ill)), None)
        return worst.blocks if worst is not None else self._earlier(move, ill) or self._quorum(move)

    def _blocks(self, other: Running, move: Move, ill: bool) -> bool:
        """Whether a component that is not healthy holds this replacement up."""
        if other.key == (move.node_id, move.component):
            return False
        depended_on = other.rank <= rank(catalogue.REPLACEMENT_ORDER, move.component)
        return not ill or (depended_on and other.key not in self._replacements)

    def _earlier(self, move: Move, ill: bool) -> str:
        """In their order, cures before all others; those of unreachable nodes hold nobody up."""
        for key, other in self._replacements.items():
            if other.key == move.key:
                return ""
            if not self._session(other) and (not ill or key in self._ill):
                return f"waits for the replacement of {other.component} on {other.node}"
        return ""

    def _quorum(self, move: Move) -> str:
        return quorum.waits_for(self._snapshot, move.node_id) if move.component == catalogue.ETCD else ""

    def _remove(self, move: Move) -> str:
        gap = self._gap(move)
        return self._workers(gap) or self._unfinished(gap) or self._before(move)

    def _workers(self, gap: Staying | Leaving) -> str:
        """Whoever runs pods goes before what they depend on."""
        if self._snapshot.cluster.phase is not ClusterPhase.DELETING or not isinstance(gap, Leaving) or gap.is_worker:
            return ""
        left = [other.node.name for other in self._gaps.leaving if other.is_worker]
        return f"waits for the workers to be released: {', '.join(left)}" if left else ""

    def _before(self, move: Move) -> str:
        first = self._removals[move.node_id]
        return "" if first.key == move.key else f"waits for the removal of {_thing(first)} from {first.node}"

    def _release(self, move: Move) -> str:
        gap = self._leaving[move.node_id]
        if gap.held.tasks or gap.needs_host:
            return f"waits for the removal of everything from {move.node}"
        host = host_removal(gap)
        return self._unfinished(gap, lambda removal: removal == host) if host is not None else ""

    def _gap(self, move: Move) -> Staying | Leaving:
        return self._staying.get(move.node_id) or self._leaving[move.node_id]

    def _unfinished(self, gap: Staying | Leaving, which: Callable[[Removal], bool] | None = None) -> str:
        """For the first removal under way there that counts: objects hold nothing up."""
        counts = which or (lambda removal: removal.kind is not RemovalKind.OBJECT)
        for removal in filter(counts, gap.unfinished):
            seen = removal_seen(self._snapshot.observed_on(gap.node.id), removal)
            thing = "the host" if removal.kind is RemovalKind.HOST else removal.name
            if seen.failed:
                return f"stopped, because the removal of {thing} from {gap.node.name} failed: {seen.message}"
            why = f" ({seen.message})" if seen.message else ""
            return f"waits for the removal of {thing} from {gap.node.name}{why}"
        return ""


def _thing(move: Move) -> str:
    return "the host's changes" if move.component == HOST else move.component

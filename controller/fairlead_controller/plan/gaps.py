"""Between what a node is to hold and what its newest assignment says: the one comparison that all planning rests on.

A node *stays* if its cluster's spec covers it, else it *leaves*. What its agent observed plays no part here; that
decides when a move may happen, not whether there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeVar

from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.model.snapshot import Cluster, Snapshot
from fairlead_controller.plan import catalogue, objects
from fairlead_controller.plan.desired import desired
from fairlead_controller.plan.placement import place
from fairlead_controller.plan.remembered import Remembered
from fairlead_controller.plan.seen import is_removed
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, Removal, RemovalKind, normalised
from fairlead_wire.task import OnChange, TaskSpec

Entry = TypeVar("Entry", FileSpec, CertificateSpec)


@dataclass(frozen=True, eq=False)
class Staying:
    """A node that the spec covers. `finished`: removals that its agent has carried out. Equal to itself only."""

    node: Node
    claim: Claim
    is_new: bool
    wanted: Assignment
    held: Assignment
    finished: frozenset[Removal]

    @property
    def is_control_plane(self) -> bool:
        return self.claim.role is NodeRole.CONTROL_PLANE

    @cached_property
    def placed(self) -> tuple[TaskSpec, ...]:
        """Wanted tasks of components that the node has none of."""
        return tuple(task for task in self._wanted_tasks if self.held.task(task.component) is None)

    @cached_property
    def replaced(self) -> tuple[TaskSpec, ...]:
        """Wanted tasks of components that it has another one of."""
        pairs = ((task, self.held.task(task.component)) for task in self._wanted_tasks)
        return tuple(task for task, old in pairs if old is not None and old != task)

    @cached_property
    def dropped(self) -> tuple[TaskSpec, ...]:
        """Held tasks that are no longer wanted."""
        wanted = {task.component for task in self.wanted.tasks}
        return in_removal_order(task for task in self.held.tasks if task.component not in wanted)

    @cached_property
    def configured(self) -> Assignment:
        """The held assignment with everything but tasks as it should be.

        Files whose change needs a new container change together with it, never under a running one.
        """
        waiting = (*self.placed, *self.replaced)
        delayed = {each.path for task in waiting for each in task.inputs if each.on_change is OnChange.REPLACE}
        outdated = {task.component for task in (*self.replaced, *self.dropped)}
        read = {each.path for task in self.held.tasks if task.component in outdated for each in task.inputs}
        return normalised(
            replace(
                self.held,
                files=_after(self.held.files, self.wanted.files, delayed, read),
                certificates=_after(self.held.certificates, self.wanted.certificates, set(), read),
                objects=self.wanted.objects,
                removals=self._removals,
            )
        )

    @cached_property
    def needs_configuring(self) -> bool:
        return not self.configured.same_content(normalised(self.held))

    @property
    def unfinished(self) -> tuple[Removal, ...]:
        return tuple(removal for removal in self.held.removals if removal not in self.finished)

    @property
    def _wanted_tasks(self) -> tuple[TaskSpec, ...]:
        return in_replacement_order(self.wanted.tasks)

    @property
    def _removals(self) -> tuple[Removal, ...]:
        """Those under way, unless their object is wanted again, and one for each object that no longer is."""
        wanted = {spec.name.removeprefix(objects.PATCH) for spec in self.wanted.objects}
        kept = [each for each in self.unfinished if each.kind is not RemovalKind.OBJECT or each.name not in wanted]
        names = {spec.name for spec in self.wanted.objects}
        gone = [spec for spec in self.held.objects if spec.name not in names]
        return (*kept, *(objects.removal(spec, self.held.revision + 1) for spec in gone))


@dataclass(frozen=True, eq=False)
class Leaving:
    """A node with a claim that the spec does not cover, or of a cluster that is being deleted. Equal to itself only."""

    node: Node
    claim: Claim
    held: Assignment
    finished: frozenset[Removal]

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """What still has to be removed, in order."""
        return in_removal_order(self.held.tasks)

    @property
    def unfinished(self) -> tuple[Removal, ...]:
        return tuple(removal for removal in self.held.removals if removal not in self.finished)

    @cached_property
    def needs_host(self) -> bool:
        """Whether the restoring of the host has not been asked for, and there is something to restore."""
        asked = any(removal.kind is RemovalKind.HOST for removal in self.held.removals)
        return not asked and not self.held.same_content(Assignment(self.held.cluster, self.held.node))

    @property
    def is_worker(self) -> bool:
        return self.claim.role is NodeRole.WORKER


@dataclass(frozen=True)
class Gaps:
    """All nodes of a cluster: control planes first among those that stay, workers first among those that leave."""

    staying: tuple[Staying, ...]
    leaving: tuple[Leaving, ...]


@lru_cache(maxsize=1)
def gaps(snapshot: Snapshot) -> Gaps:
    """Found once for a snapshot, and again only for those nodes of which something has changed since the last one."""
    nodes = {node.id: node for node in snapshot.fleet.nodes}
    claims = place(snapshot.cluster, snapshot.fleet).claims
    wanted = desired(snapshot, claims)
    existing = {claim.node_id: claim for claim in snapshot.fleet.claims_of(snapshot.cluster.name)}
    left = ((nodes[id], claim) for id, claim in existing.items() if id not in wanted and id in nodes)
    staying = ((nodes[claim.node_id], claim, claim.node_id not in existing, wanted[claim.node_id]) for claim in claims)
    return Gaps(_all_staying(snapshot, staying), _all_leaving(snapshot, left))


def _after(held: tuple[Entry, ...], wanted: tuple[Entry, ...], delayed: set[str], read: set[str]) -> tuple[Entry, ...]:
    """Wanted entries but for delayed ones, which stay as they are; unwanted ones stay while an old task reads them."""
    before = {entry.path: entry for entry in held}
    after = {entry.path: entry for entry in wanted if entry.path not in delayed}
    kept = {path: entry for path, entry in before.items() if path in delayed or (path in read and path not in after)}
    return tuple({**after, **kept}.values())


def in_replacement_order(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    return tuple(sorted(tasks, key=lambda task: rank(catalogue.REPLACEMENT_ORDER, task.component)))


def in_removal_order(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    return tuple(sorted(tasks, key=lambda task: rank(catalogue.REMOVAL_ORDER, task.component)))


def rank(order: tuple[str, ...], component: str) -> int:
    """Components that an older release had come last."""
    return order.index(component) if component in order else len(order)


def held_of(cluster: Cluster, node: Node, snapshot: Snapshot) -> Assignment:
    """The node's newest assignment; one of another cluster has nothing in it that counts but its revision."""
    held = snapshot.held.get(node.id, Assignment())
    return held if held.cluster == cluster.name else Assignment(cluster.name, node.name, held.revision)


_STAYING, _LEAVING = Remembered(Staying), Remembered(Leaving)


def _all_staying(snapshot: Snapshot, those: Iterable[tuple[Node, Claim, bool, Assignment]]) -> tuple[Staying, ...]:
    each = ((node.id, (node, claim, is_new, wanted, *_held(snapshot, node))) for node, claim, is_new, wanted in those)
    return tuple(_STAYING.each(snapshot.cluster.name, each).values())


def _all_leaving(snapshot: Snapshot, those: Iterable[tuple[Node, Claim]]) -> tuple[Leaving, ...]:
    each = ((node.id, (node, claim, *_held(snapshot, node))) for node, claim in those)
    found = _LEAVING.each(snapshot.cluster.name, each).values()
    return tuple(sorted(found, key=lambda gap: (not gap.is_worker, gap.node.name)))


def _held(snapshot: Snapshot, node: Node) -> tuple[Assignment, frozenset[Removal]]:
    """What it holds, and which of its removals are carried out."""
    held, observed = held_of(snapshot.cluster, node, snapshot), snapshot.observed_on(node.id)
    return held, frozenset(removal for removal in held.removals if is_removed(observed, removal))

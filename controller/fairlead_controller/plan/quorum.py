"""Quorum first.

Invariant: at any moment, of the n voting etcd members of a running cluster at least ⌊n/2⌋+1 are healthy, unless n ≤ 2.
With one or two members there is no restart that keeps it, so a planned one is allowed, as a move marked `outage`.

A member counts as healthy if its agent has a session and saw it healthy with the hash that it holds: what can't be
seen can't be counted on.
"""

from __future__ import annotations

from fairlead_controller.model.node import NodeRole
from fairlead_controller.model.snapshot import Snapshot
from fairlead_controller.plan import catalogue
from fairlead_controller.plan.seen import task_seen

SMALLEST_WITHOUT_OUTAGE = 3


def quorum(members: int) -> int:
    """How many of so many members have to be healthy."""
    return members // 2 + 1


def is_outage(component: str, control_planes: int) -> bool:
    """Whether the control plane is away while this component of one of so many control planes restarts."""
    if component == catalogue.ETCD:
        return control_planes < SMALLEST_WITHOUT_OUTAGE
    return component == catalogue.APISERVER and control_planes == 1


def members(snapshot: Snapshot) -> frozenset[str]:
    """Identifiers of the nodes whose etcd votes."""
    claims = snapshot.fleet.claims_of(snapshot.cluster.name)
    return frozenset(claim.node_id for claim in claims if claim.role is NodeRole.CONTROL_PLANE)


def healthy(snapshot: Snapshot) -> frozenset[str]:
    """Those of them that can be counted on."""
    return frozenset(node_id for node_id in members(snapshot) & snapshot.fleet.reachable if _is_well(snapshot, node_id))


def waits_for(snapshot: Snapshot, node_id: str) -> str:
    """Why etcd on this node may not be stopped now, one sentence, or empty."""
    voting, well = members(snapshot), healthy(snapshot)
    if len(voting) < SMALLEST_WITHOUT_OUTAGE or node_id not in well:
        return ""  # to stop one that is not healthy takes none away
    left = len(well) - 1
    needed = quorum(len(voting))
    if left >= needed:
        return ""
    return f"waits for more healthy etcd members: {left} of {len(voting)} would be left, and {needed} are needed"


def _is_well(snapshot: Snapshot, node_id: str) -> bool:
    held = snapshot.held.get(node_id)
    task = held.task(catalogue.ETCD) if held is not None else None
    return task is not None and task_seen(snapshot.observed_on(node_id), task).well

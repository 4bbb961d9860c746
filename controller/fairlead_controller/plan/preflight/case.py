"""All that a check may look at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fairlead_controller.model.cluster_spec import Network
from fairlead_controller.model.node import Node, NodeRole
from fairlead_controller.model.preflight import Inspected, Severity
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Inspection

GIB, MIB = 2**30, 2**20


@dataclass(frozen=True)
class Case:
    """One node in a role. `claimed`: it is in a cluster already, so what is ours on it is no fault. `others`: the other
    nodes of the fleet, without revoked ones."""

    node: Node
    role: NodeRole
    inspected: Inspected
    network: Network = field(default_factory=Network)
    claimed: bool = False
    others: tuple[Node, ...] = ()

    @property
    def seen(self) -> Inspection:
        return self.inspected.inspection

    @property
    def facts(self) -> Facts:
        """As they are now; the node's own are those of its last hello."""
        return self.inspected.inspection.facts

    @property
    def is_control_plane(self) -> bool:
        return self.role is NodeRole.CONTROL_PLANE


@dataclass(frozen=True)
class Fault:
    """What a check says: the reason and the cure, one sentence each."""

    severity: Severity
    reason: str
    cure: str


Check = Callable[[Case], Iterator[Fault]]


def error(reason: str, cure: str) -> Fault:
    """Kubernetes would not work, or not for long."""
    return Fault(Severity.ERROR, reason, cure)


def warning(reason: str, cure: str) -> Fault:
    """It works, and something is to be known."""
    return Fault(Severity.WARNING, reason, cure)


def size(count: int) -> str:
    """Bytes in GiB or MiB."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"

"""One frozen look at everything that a decision about one cluster may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.node import Fleet
from fairlead_wire.assignment import Assignment, Observation, Subject


class ClusterPhase(StrEnum):
    ACTIVE = "active"
    DELETING = "deleting"


@dataclass(frozen=True)
class Material:
    """A cluster's authorities: certificates (PEM) by name, and the few private files that control planes share.

    `authorities`: "cluster", "front-proxy", "etcd" → certificate PEM. `secrets`: "sa.key", "sa.pub", "ca.key" → PEM.
    `issuers`: authority → its key identifier, hexadecimal.
    """

    authorities: Mapping[str, bytes] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    issuers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cluster:
    """A cluster at its newest accepted revision. `files` maps paths of the spec to their content (zone files)."""

    name: str
    revision: int
    spec: ClusterSpec
    files: Mapping[str, str] = field(default_factory=dict)
    phase: ClusterPhase = ClusterPhase.ACTIVE
    destroy_data: bool = False


Observed = Mapping[tuple[Subject, str], Observation]
"""What one agent last saw, by subject and name."""
_NOTHING: Observed = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What `plan` reads. `held` is what each claimed node's newest assignment says, `observed` what agents last saw.

    One look: it is equal to itself only, so that what was planned from it can be remembered by it.
    """

    cluster: Cluster
    fleet: Fleet
    material: Material = field(default_factory=Material)
    held: Mapping[str, Assignment] = field(default_factory=dict)
    observed: Mapping[str, Observed] = field(default_factory=dict)

    def observed_on(self, node_id: str) -> Observed:
        return self.observed.get(node_id, _NOTHING)

    def seen(self, node_id: str, subject: Subject, name: str) -> Observation | None:
        return self.observed_on(node_id).get((subject, name))

"""What applying a source would do: read the spec, look at the fleet, place, take the difference, pin it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.api.v1 import clusters_pb2
from fairlead_controller.api.parts import Parts
from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.move import Move
from fairlead_controller.model.snapshot import Cluster, ClusterPhase, Snapshot
from fairlead_controller.plan import diff, pin, placement, rollout
from fairlead_controller.spec_file import parse
from fairlead_wire.errors import Invalid, Problem, Refused

LARGEST_SOURCE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A spec as sent and as read, with the files that it refers to and no others."""

    spec_yaml: str
    spec: ClusterSpec
    files: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """`base_revision`: the newest accepted one, 0 for a new cluster; `unchanged`: the source says the same as it."""

    source: Source
    snapshot: Snapshot
    base_revision: int
    unchanged: bool
    moves: tuple[Move, ...]
    pin: str

    @property
    def cluster(self) -> str:
        return self.source.spec.name


def read_source(message: clusters_pb2.ClusterSource) -> Source:
    """Raises Invalid with all problems at once."""
    size = len(message.spec_yaml) + sum(map(len, message.files.values()))
    if size > LARGEST_SOURCE:
        raise Invalid(f"The spec and its files have {size} characters.", f"Keep them under {LARGEST_SOURCE}.")
    files = dict(message.files)
    spec = parse(message.spec_yaml, files, message.file_name or "cluster.yaml")
    used = set(spec.spec.dns.zones.values())
    return Source(message.spec_yaml, spec, {path: text for path, text in files.items() if path in used})


async def plan_source(parts: Parts, source: Source) -> Plan:
    """Plans without changing anything. Raises Refused when the nodes can't carry it or the cluster is being deleted."""
    newest = await parts.store.read(lambda repositories: repositories.clusters.get(source.spec.name))
    if newest is not None:
        check_stays(newest)
    candidate, unchanged = _candidate(source, newest)
    snapshot = await parts.reconciler.snapshot(candidate)
    _check_placement(candidate, snapshot)
    moves = tuple(rollout.next_moves(snapshot, diff.moves(snapshot)))
    base = newest.revision if newest else 0
    return Plan(source, snapshot, base, unchanged, moves, pin.pin(base, source.spec, source.files, moves))


def check_stays(cluster: Cluster) -> None:
    """Raises Refused while it is being deleted: a revision can neither stop that nor be carried out."""
    if cluster.phase is ClusterPhase.DELETING:
        raise Refused(
            f"Cluster {cluster.name} is being deleted.",
            f"Wait for it with `fairlead events --follow --cluster {cluster.name}`, then apply again.",
        )


def _candidate(source: Source, newest: Cluster | None) -> tuple[Cluster, bool]:
    if newest is not None and newest.spec == source.spec and dict(newest.files) == dict(source.files):
        return newest, True
    return Cluster(source.spec.name, (newest.revision if newest else 0) + 1, source.spec, source.files), False


def _check_placement(candidate: Cluster, snapshot: Snapshot) -> None:
    problems = placement.place(candidate, snapshot.fleet).problems
    if problems:
        raise Refused(
            f"Cluster {candidate.name} can't be carried by the nodes that there are; nothing was changed.",
            "See `fairlead node ls`; add servers with `fairlead token create`, or change the spec.",
            [Problem("", problem) for problem in problems],
        )

"""The fleet and snapshots as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.api.v1 import fleet_pb2, snapshots_pb2
from fairlead_cli.render.tables import pairs, table
from fairlead_cli.render.words import ago, clock_time, last_part, size


def waits_for_confirmation(fleet: fleet_pb2.Fleet) -> bool:
    """Whether there is something that only an admin can decide."""
    return fleet.HasField("restore_time") or bool(fleet.ahead_nodes)


def fleet_text(fleet: fleet_pb2.Fleet) -> str:
    entries = [
        ("Fleet", fleet.id),
        ("Generation", str(fleet.generation)),
        ("Servers join at", fleet.enrolment_endpoint),
        ("Agents and people", fleet.fleet_endpoint),
        ("Made", clock_time(fleet.create_time)),
        ("Nodes", f"{fleet.nodes}, {fleet.connected_nodes} connected"),
        ("Restored", clock_time(fleet.restore_time)),
    ]
    return "\n".join([pairs(entries), *_ahead(fleet.ahead_nodes), *_what_next(fleet)])


def _ahead(nodes: Sequence[fleet_pb2.AheadNode]) -> list[str]:
    if not nodes:
        return []
    headers = ("NODE", "ITS AGENT HOLDS", "THE DATABASE HAS", "DIFFERENT")
    rows = [
        (
            last_part(node.node),
            _revision(node.held_cluster, node.held_revision) if node.told else "not told yet",
            _revision(node.stored_cluster, node.stored_revision),
            ", ".join(node.differences),
        )
        for node in nodes
    ]
    return ["", "Agents that know more than the database:", table(headers, rows)]


def _revision(cluster: str, number: int) -> str:
    return f"revision {number} of {last_part(cluster)}" if cluster else f"revision {number}, no cluster"


def _what_next(fleet: fleet_pb2.Fleet) -> list[str]:
    if fleet.HasField("restore_time"):
        whom = "Every node is"
    elif fleet.ahead_nodes:
        whom = "These nodes are"
    else:
        return []
    return [
        "",
        f"{whom} only observed: nothing is changed there. Look with `fairlead plan -f cluster.yaml` at what would "
        "follow,",
        "apply the newest spec if the database has an older one, then `fairlead fleet confirm`.",
    ]


NO_SNAPSHOTS = "There is no snapshot: make one with `fairlead snapshot create CLUSTER`."


def snapshots_table(snapshots: Sequence[snapshots_pb2.Snapshot], now: float) -> str:
    if not snapshots:
        return NO_SNAPSHOTS
    headers = ("NAME", "NODE", "CREATED", "REVISION", "KEYS", "SIZE", "ETCD", "HASH", "SHA-256")
    rows = [
        (
            last_part(made.name),
            last_part(made.node),
            ago(made.create_time, now),
            str(made.revision),
            str(made.keys),
            size(made.size_bytes),
            made.etcd_version,
            f"{made.hash:08x}",
            made.sha256[:12],
        )
        for made in snapshots
    ]
    return table(headers, rows)

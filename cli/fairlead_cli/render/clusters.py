"""Clusters and their components as people read them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fairlead.api.v1 import clusters_pb2
from fairlead_cli.render.plain import word
from fairlead_cli.render.tables import pairs, table
from fairlead_cli.render.words import ago, clock_time, last_part

_GOOD = ("healthy", "completed")


def clusters_table(clusters: Sequence[clusters_pb2.Cluster]) -> str:
    if not clusters:
        return "There is no cluster yet: write a cluster.yaml and `fairlead apply -f cluster.yaml`."
    headers = ("NAME", "STATE", "VERSION", "REVISION", "NODES", "COMPONENTS", "ENDPOINT")
    return table(headers, [_row(cluster) for cluster in clusters])


def cluster_text(cluster: clusters_pb2.Cluster, now: float) -> str:
    """All about one cluster. `now`: seconds since 1970."""
    about = pairs(
        [
            ("Cluster", last_part(cluster.name)),
            ("State", word(cluster, "state")),
            ("Kubernetes", cluster.kubernetes_version),
            ("Endpoint", cluster.endpoint),
            ("Revision", f"{cluster.revision}, accepted {ago(cluster.update_time, now)}"),
            ("Created", clock_time(cluster.create_time)),
            ("Nodes", ", ".join(cluster.nodes)),
        ]
    )
    return f"{about}\n\n{components_table(cluster)}" if cluster.components else about


def components_table(cluster: clusters_pb2.Cluster) -> str:
    headers = ("NODE", "COMPONENT", "STATE", "RESTARTS", "IMAGE", "MESSAGE")
    rows = [
        (item.node, item.component, item.state, str(item.restarts), item.image, " ".join(item.message.split()))
        for item in cluster.components
    ]
    return table(headers, rows)


def troubles(cluster: clusters_pb2.Cluster) -> list[str]:
    """A line for each component that is not as it should be."""
    return [
        f"{item.node} {item.component} is {item.state}"
        + (f": {' '.join(item.message.split())}" if item.message else "")
        for item in cluster.components
        if item.state not in _GOOD
    ]


def _row(cluster: clusters_pb2.Cluster) -> tuple[str, ...]:
    states = Counter(item.state in _GOOD for item in cluster.components)
    healthy = f"{states[True]}/{len(cluster.components)} healthy" if cluster.components else ""
    return (
        last_part(cluster.name),
        word(cluster, "state"),
        cluster.kubernetes_version,
        str(cluster.revision),
        str(len(cluster.nodes)),
        healthy,
        cluster.endpoint,
    )

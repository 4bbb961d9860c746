"""Nodes and tokens as people read them. Pure: `now` is seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.render.plain import word
from fairlead_cli.render.tables import pairs, table
from fairlead_cli.render.words import ago, ahead, clock_time, last_part, size

NO_NODES = "There is no node yet: `fairlead token create` prints the line to paste on a server."


def nodes_table(nodes: Sequence[nodes_pb2.Node], now: float) -> str:
    if not nodes:
        return NO_NODES
    headers = ("NAME", "STATE", "CLUSTER", "ADDRESS", "OS", "DOCKER", "AGENT", "LAST SEEN")
    rows = [
        (
            node.name and last_part(node.name),
            word(node, "state"),
            last_part(node.cluster),
            node.address,
            node.os,
            node.docker_version,
            node.agent_version,
            ago(node.last_seen_time, now),
        )
        for node in nodes
    ]
    return table(headers, rows)


def node_text(node: nodes_pb2.Node, now: float) -> str:
    seen, ends = ago(node.last_seen_time, now), ahead(node.certificate_expire_time, now)
    return pairs(
        [
            ("Node", last_part(node.name)),
            ("Identifier", node.id),
            ("State", word(node, "state")),
            ("Last seen", seen),
            ("Cluster", last_part(node.cluster)),
            ("Meant for", node.wanted_cluster),
            ("Labels", label_text(node.labels)),
            ("Address", node.address),
            ("System", f"{node.os}, kernel {node.kernel}, {node.architecture}"),
            ("Hardware", f"{node.cpus} processors, {size(node.memory_bytes)}"),
            ("Docker", node.docker_version),
            ("Agent", node.agent_version),
            ("Enrolled", clock_time(node.create_time)),
            ("Certificate", f"ends {ends}" if ends.startswith("in") else ends),
            ("Orphans", ", ".join(node.orphans)),
        ]
    )


def tokens_table(tokens: Sequence[nodes_pb2.Token], now: float) -> str:
    if not tokens:
        return "There is no token: make one with `fairlead token create`."
    headers = ("ID", "CLUSTER", "LABELS", "CREATED", "ENDS", "USED BY", "CREATOR")
    rows = [
        (
            last_part(token.name),
            token.cluster,
            label_text(token.labels),
            ago(token.create_time, now),
            ahead(token.expire_time, now),
            last_part(token.node) or ("used" if token.HasField("use_time") else ""),
            token.creator,
        )
        for token in tokens
    ]
    return table(headers, rows)


def label_text(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))

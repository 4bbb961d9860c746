"""Which node of a zone is its seed: the one from which the others get the fleet's images. Pure, and without memory:
whoever asks again with the same nodes gets the same answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from fairlead_controller.model.node import Node

ZONE = "zone"
"""The label. Nodes without it are in one zone together."""
SMALLEST_ZONE = 3
"""Nodes. With two, the controller sends an image once less, and the seed's disk holds it once more."""


def seeds(nodes: Iterable[Node], able: Collection[str]) -> Mapping[str, str]:
    """Zone → identifier of its seed, for zones that have one. `able`: nodes that can be one now.

    It is the node that enrolled first, so that a new node never takes the seed, and its cache, from where it is.
    """
    zones = defaultdict[str, list[Node]](list)
    for node in nodes:
        if not node.revoked:
            zones[zone_of(node)].append(node)
    chosen: dict[str, str] = {}
    for zone, members in sorted(zones.items()):
        candidates = [node for node in members if node.id in able and node.address]
        if len(members) >= SMALLEST_ZONE and candidates:
            chosen[zone] = min(candidates, key=lambda node: (node.enrolled_at, node.name)).id
    return chosen


def zone_of(node: Node) -> str:
    return node.label(ZONE)

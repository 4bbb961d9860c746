"""Which nodes carry a cluster, and as what.

A node that has a claim keeps it, with its pod range, for as long as the spec still covers it. A node is in one
cluster at most, and never in another one than its token named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fairlead_controller.model.cluster_spec import ControlPlane
from fairlead_controller.model.node import Claim, Fleet, Node, NodeRole
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_controller.plan import addresses, catalogue
from fairlead_controller.plan.remembered import Remembered
from fairlead_wire.facts import version_tuple


@dataclass(frozen=True)
class Placement:
    """`claims`: control planes first, by node name. With `problems`, they are those that there are already."""

    claims: tuple[Claim, ...]
    problems: tuple[str, ...] = ()


def place(cluster: Cluster, fleet: Fleet) -> Placement:
    """Remembered for as long as the cluster, the nodes and who is connected are the same."""
    return _PLACEMENT.one(cluster.name, cluster, fleet)


def _place(cluster: Cluster, fleet: Fleet) -> Placement:
    deleting = cluster.phase is ClusterPhase.DELETING
    return Placement(()) if deleting else _Placing(cluster, fleet).result()


_PLACEMENT = Remembered(_place)


class _Placing:
    def __init__(self, cluster: Cluster, fleet: Fleet) -> None:
        self._cluster = cluster
        self._spec = cluster.spec.spec
        self._claims = {claim.node_id: claim for claim in fleet.claims}
        self._nodes = sorted(fleet.nodes, key=lambda node: node.name)
        self._reachable = fleet.reachable
        self._problems: list[str] = []

    def result(self) -> Placement:
        masters = self._control_planes()
        self._check_unchanged(masters)
        workers = self._workers({node.id for node in masters})
        self._check_fitness([*masters, *workers])
        claims = self._numbered(masters, workers)
        if self._problems:
            return Placement(self._present(), tuple(self._problems))
        return Placement(claims)

    def _present(self) -> tuple[Claim, ...]:
        mine = (self._claims[node.id] for node in self._nodes if self._is_mine(node))
        return tuple(sorted(mine, key=lambda claim: claim.role is NodeRole.WORKER))

    def _is_mine(self, node: Node) -> bool:
        claim = self._claims.get(node.id)
        return claim is not None and claim.cluster == self._cluster.name

    def _role(self, node: Node) -> NodeRole | None:
        return self._claims[node.id].role if self._is_mine(node) else None

    def _free(self, node: Node) -> bool:
        """Whether this cluster has it or may have it."""
        if self._is_mine(node):
            return True
        ours = node.wanted_cluster in ("", self._cluster.name)
        return ours and node.id not in self._claims and not node.revoked

    def _control_planes(self) -> list[Node]:
        wish = self._spec.control_plane
        return self._named(wish.nodes) if wish.nodes else self._chosen(wish, wish.count or 1)

    def _named(self, names: Iterable[str]) -> list[Node]:
        by_name = {node.name: node for node in self._nodes}
        found = [by_name.get(name) for name in names]
        for name, node in zip(names, found, strict=True):
            self._check_named(name, node)
        return sorted((node for node in found if node is not None), key=lambda node: node.name)

    def _check_named(self, name: str, node: Node | None) -> None:
        if node is None:
            known = ", ".join(each.name for each in self._nodes) or "none yet"
            self._problems.append(
                f"spec.controlPlane.nodes names {name}, and no such node is enrolled (there are: {known}); "
                "enrol it with the line that `fairlead token create` prints"
            )
        elif not self._free(node):
            self._problems.append(f"spec.controlPlane.nodes names {name}, {self._whose(node)}; name another node")

    def _whose(self, node: Node) -> str:
        if node.id in self._claims:
            return f"which is in cluster {self._claims[node.id].cluster}"
        return "which was revoked" if node.revoked else f"whose token was for cluster {node.wanted_cluster}"

    def _chosen(self, wish: ControlPlane, count: int) -> list[Node]:
        """Those that are control planes now, then the best ones that match, one at a time."""
        chosen = [node for node in self._nodes if self._role(node) is NodeRole.CONTROL_PLANE]
        candidates = [
            node for node in self._nodes if node not in chosen and self._free(node) and _matches(node, wish.match)
        ]
        matching = [*chosen, *candidates]
        while len(chosen) < count and candidates:
            best = min(candidates, key=lambda node: self._preference(node, wish.spread, chosen))
            candidates.remove(best)
            chosen.append(best)
        if len(chosen) < count:
            self._problems.append(_too_few(wish, count, matching))
        return sorted(chosen, key=lambda node: node.name)

    def _preference(self, node: Node, spread: str, chosen: list[Node]) -> tuple[int, bool, bool, bool, str]:
        """Least first: where few are, meant for this cluster, no worker of it, with a session, by name."""
        there = Counter(other.label(spread) for other in chosen)[node.label(spread)] if spread else 0
        meant = node.wanted_cluster == self._cluster.name
        return (there, not meant, self._is_mine(node), node.id not in self._reachable, node.name)

    def _check_unchanged(self, masters: list[Node]) -> None:
        """Another set of etcd members takes member changes, one at a time; the planner has none yet."""
        now = [node.name for node in self._nodes if self._role(node) is NodeRole.CONTROL_PLANE]
        if now and not self._problems and {node.name for node in masters} != set(now):
            self._problems.append(
                f"the control planes of a running cluster can't be changed yet; "
                f"write spec.controlPlane.nodes: [{', '.join(now)}], as they are now"
            )

    def _workers(self, masters: set[str]) -> list[Node]:
        wish = self._spec.workers
        if wish is None:
            return []
        return [node for node in self._nodes if node.id not in masters and self._may_work(node, wish.match)]

    def _may_work(self, node: Node, match: dict[str, str]) -> bool:
        """Without labels, the nodes whose token named this cluster; with labels, every free one that has them."""
        meant = node.wanted_cluster == self._cluster.name
        return self._free(node) and (_matches(node, match) if match else meant)

    def _check_fitness(self, nodes: list[Node]) -> None:
        for node in nodes:
            if not node.address:
                self._problems.append(f"node {node.name} has told no address; restart its agent with --address")
            api = version_tuple(node.facts.docker_api)
            if api and api < catalogue.OLDEST_DOCKER_API:
                self._problems.append(
                    f"node {node.name} runs Docker Engine {node.facts.docker_version}, which is too old for "
                    "cri-dockerd; install Docker Engine 23 or newer on it"
                )

    def _numbered(self, masters: list[Node], workers: list[Node]) -> tuple[Claim, ...]:
        roles = [(node, NodeRole.CONTROL_PLANE) for node in masters] + [(node, NodeRole.WORKER) for node in workers]
        taken = [claim.range_index for claim in self._claims.values() if claim.cluster == self._cluster.name]
        new = [node for node, _ in roles if not self._is_mine(node)]
        numbers = dict(zip((node.id for node in new), addresses.lowest_free(taken, len(new)), strict=True))
        self._check_ranges(numbers.values())
        return tuple(self._claim(node, role, numbers) for node, role in roles)

    def _claim(self, node: Node, role: NodeRole, numbers: dict[str, int]) -> Claim:
        index = numbers[node.id] if node.id in numbers else self._claims[node.id].range_index
        return Claim(node.id, self._cluster.name, role, index)

    def _check_ranges(self, numbers: Iterable[int]) -> None:
        network = self._spec.network
        room = addresses.range_count(network)
        if max(numbers, default=0) >= room:
            self._problems.append(
                f"spec.network.pods {network.pods} has room for {room} nodes at /{network.node_prefix} each; "
                "write a higher nodePrefix or a larger range"
            )


def _matches(node: Node, labels: dict[str, str]) -> bool:
    return all(node.label(name) == value for name, value in labels.items())


def _too_few(wish: ControlPlane, count: int, matching: list[Node]) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(wish.match.items()))
    names = f" ({', '.join(node.name for node in matching)})" if matching else ""
    verb = "is" if len(matching) == 1 else "are"
    what = f"free with {labels}" if labels else "free"
    return (
        f"spec.controlPlane wants {count} and {len(matching) or 'no'} enrolled "
        f"node{'' if len(matching) == 1 else 's'}{names} {verb} {what}; "
        "enrol more with the line that `fairlead token create` prints, or lower the count"
    )

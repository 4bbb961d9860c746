"""What a hello leads to: pure decisions over one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairlead_controller.model.event import Event
from fairlead_controller.model.node import Node
from fairlead_controller.model.snapshot import ClusterPhase
from fairlead_controller.store.port import Repositories
from fairlead_wire.assignment import Assignment
from fairlead_wire.errors import Denied
from fairlead_wire.facts import OF_DOCKER, Facts


@dataclass(frozen=True)
class Greeted:
    """What an agent said of itself. `revision` 0: it holds nothing."""

    facts: Facts
    cluster: str = ""
    revision: int = 0
    generation: int = 0


@dataclass(frozen=True)
class Basis:
    """What a session's differences start from. `held` None: all has to be sent. An objection: nothing may be sent.

    `ahead`: the objection is that the agent knows more than the database.
    """

    held: Assignment | None = None
    objection: str = ""
    ahead: bool = False


@dataclass(frozen=True)
class Greeting:
    """A session about to begin. `clusters` are those that may depend on it."""

    node: Node
    epoch: int
    generation: int
    basis: Basis
    clusters: frozenset[str]
    greeted_generation: int = 0


UNCONFIRMED = "the database was restored and no admin has confirmed it"


def basis(newest: Assignment, greeted: Greeted, generation: int, unconfirmed: bool = False) -> Basis:
    """What may be sent to an agent that holds what it greeted with.

    An agent that has seen more than the database knows is only observed: the database is a restored or a wrong one,
    and pushing something older would undo what runs. So is every agent while a restored database is not confirmed.
    """
    if more := _knows_more(newest, greeted, generation):
        return Basis(objection=more, ahead=True)
    if unconfirmed:
        return Basis(objection=UNCONFIRMED)
    return Basis(newest if 0 < greeted.revision == newest.revision else None)


def _knows_more(newest: Assignment, greeted: Greeted, generation: int) -> str:
    """What the agent knows and the database does not, or empty."""
    if greeted.generation > generation:
        return f"it has seen fleet generation {greeted.generation}, the database is at {generation}"
    if greeted.revision > newest.revision:
        return f"it holds revision {greeted.revision}, the database has only {newest.revision}"
    if 0 < greeted.revision == newest.revision and greeted.cluster != newest.cluster:
        return (
            f"it holds revision {greeted.revision} of cluster {greeted.cluster!r}, "
            f"the database has that revision of {newest.cluster!r}"
        )
    return ""


def greet(repositories: Repositories, node_id: str, greeted: Greeted, key_digest: str, now: float) -> Greeting:
    """Opens the node's next session. Raises Denied if the node was revoked or removed meanwhile."""
    node = repositories.nodes.get(node_id)
    if node is None or node.revoked:
        raise Denied(f"The node {node_id} is revoked or unknown.", "Enrol the server again with a new join token.")
    claim = next((claim for claim in repositories.claims.all() if claim.node_id == node_id), None)
    fresh = replace(node, facts=_facts(node, greeted.facts, claim is not None), key_digest=key_digest)
    if fresh != node:
        repositories.nodes.put(fresh)
    repositories.nodes.touch({node_id: now})
    fleet = repositories.fleets.get()
    generation = fleet.generation if fleet else 0
    unconfirmed = fleet is not None and fleet.restored_at > 0
    start = basis(repositories.assignments.get(node_id), greeted, generation, unconfirmed)
    clusters = frozenset({claim.cluster}) if claim else _open_clusters(repositories)
    _tell(repositories, fresh, start, claim.cluster if claim else "", now)
    return Greeting(fresh, repositories.nodes.next_epoch(node_id), generation, start, clusters, greeted.generation)


def _facts(node: Node, facts: Facts, claimed: bool) -> Facts:
    """A claimed node keeps its address: etcd members and certificates carry it. Changing it is a spec change.

    What an agent tells while its Docker is away tells nothing of Docker: taken for news, it would have components
    replaced that only name Docker's API or its cgroup driver.
    """
    known = node.facts
    if (claimed or not facts.address) and known.address:
        facts = replace(facts, address=known.address)
    if not facts.docker_version and known.docker_version:
        facts = replace(facts, **{name: getattr(known, name) for name in OF_DOCKER})
    return facts


def _open_clusters(repositories: Repositories) -> frozenset[str]:
    return frozenset(each.name for each in repositories.clusters.all() if each.phase is ClusterPhase.ACTIVE)


def _tell(repositories: Repositories, node: Node, start: Basis, cluster: str, now: float) -> None:
    cause = repositories.events.append(
        Event("node-connected", f"The agent of {node.name} is connected.", cluster, node.name), now
    ).id
    if start.ahead:
        message = (
            f"The agent of {node.name} is only observed: {start.objection}. Restore a newer backup of the database, "
            "or look at `fairlead fleet show` and take over what the agent holds with `fairlead fleet confirm`."
        )
        repositories.events.append(Event("node-ahead", message, cluster, node.name, cause_id=cause), now)

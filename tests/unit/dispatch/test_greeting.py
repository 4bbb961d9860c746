"""What may be sent to an agent, from what it says it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairlead_controller.dispatch.greeting import Basis, Greeted, basis, greet
from fairlead_controller.model.fleet import FleetRecord
from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.ports import Clock
from fairlead_testing.lab_cluster import accepted, lab_spec
from fairlead_testing.stores import MemoryStore, counted_bytes
from fairlead_wire.assignment import Assignment
from fairlead_wire.errors import Denied
from fairlead_wire.facts import Facts

CLOCK = Clock(lambda: 1000.0, counted_bytes())
NEWEST = Assignment("lab", "node-1", 5)


def said(cluster: str, revision: int, generation: int = 1) -> Greeted:
    return Greeted(Facts("node-1"), cluster, revision, generation)


@pytest.mark.parametrize(
    ("greeted", "expected"),
    [
        (said("lab", 5), Basis(NEWEST)),
        (said("lab", 4), Basis()),
        (said("other", 4), Basis()),
        (said("", 0), Basis()),
    ],
    ids=["holds the newest", "behind", "behind, of an earlier cluster", "holds nothing"],
)
def test_an_agent_that_is_not_ahead_gets_all_or_the_difference(greeted: Greeted, expected: Basis) -> None:
    assert basis(NEWEST, greeted, generation=1) == expected


@pytest.mark.parametrize(
    "greeted", [said("lab", 6), said("other", 5), said("lab", 5, generation=2), said("", 0, generation=2)]
)
def test_an_agent_that_is_ahead_is_sent_nothing(greeted: Greeted) -> None:
    assert basis(NEWEST, greeted, generation=1).objection


def test_a_database_without_an_assignment_takes_nothing_from_an_agent_that_has_one() -> None:
    assert "the database has only 0" in basis(Assignment(), said("lab", 3), generation=1).objection


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    node = Node("n1", "node-1", Facts("node-1", address="192.0.2.1"))
    made.now(lambda repositories: repositories.nodes.put(node))
    made.now(lambda repositories: repositories.fleets.put(FleetRecord("f", 3, "a:1", "a:2", 0.0)))
    return made


def test_a_free_node_takes_the_address_that_its_agent_tells(store: MemoryStore) -> None:
    greeting = store.now(lambda it: greet(it, "n1", Greeted(Facts("node-1", address="192.0.2.9")), "k", 1.0))
    assert (greeting.node.address, greeting.generation, greeting.epoch) == ("192.0.2.9", 3, 1)


def test_a_claimed_node_keeps_its_address_since_certificates_and_etcd_carry_it(store: MemoryStore) -> None:
    store.now(lambda repositories: accepted(repositories, lab_spec(), CLOCK))
    store.now(lambda repositories: repositories.claims.add(Claim("n1", "lab", NodeRole.WORKER, 0)))
    greeting = store.now(
        lambda it: greet(it, "n1", Greeted(Facts("node-1", kernel="6.1", address="192.0.2.9")), "k", 1.0)
    )
    assert (greeting.node.address, greeting.node.facts.kernel) == ("192.0.2.1", "6.1")
    assert greeting.clusters == {"lab"}


def test_an_agent_whose_docker_is_away_tells_nothing_of_docker(store: MemoryStore) -> None:
    known = replace(Facts("node-1", address="192.0.2.1"), docker_version="29.1", docker_api="1.52")
    known = replace(known, docker_root="/srv/docker", cgroup_driver="systemd", live_restore=True)
    greeting = store.now(lambda it: greet(it, "n1", Greeted(known), "k", 1.0))
    assert greeting.node.facts == known
    away = store.now(lambda it: greet(it, "n1", Greeted(Facts("node-1", kernel="6.18")), "k", 1.0))
    assert away.node.facts == replace(known, kernel="6.18")
    newer = replace(known, docker_version="30.0", cgroup_driver="cgroupfs", live_restore=False)
    assert store.now(lambda it: greet(it, "n1", Greeted(newer), "k", 1.0)).node.facts == newer


def test_a_revoked_node_is_not_greeted(store: MemoryStore) -> None:
    node = store.now(lambda repositories: repositories.nodes.get("n1"))
    assert node is not None
    store.now(lambda repositories: repositories.nodes.put(replace(node, revoked=True)))
    with pytest.raises(Denied):
        store.now(lambda it: greet(it, "n1", said("", 0), "k", 1.0))

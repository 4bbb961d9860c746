"""What a restored database takes over from agents that know more, and what it never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairlead_controller.adoption import adopted, confirm, differences, seen_as_held
from fairlead_controller.dispatch.greeting import Greeted, basis
from fairlead_controller.model.fleet import FleetRecord
from fairlead_controller.model.node import Node
from fairlead_controller.ports import Ahead
from fairlead_controller.store.port import Repositories
from fairlead_testing.stores import MemoryStore
from fairlead_testing.tasks import assignment, service
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.facts import Facts

OLD, NEW = service("etcd", "etcd:1"), service("etcd", "etcd:2")
CONFIG = FileSpec.of("/etc/kubernetes/etcd.yaml", "a: 2")
PLANNED = CertificateSpec("/etc/kubernetes/pki/etcd/peer.crt", "etcd", "node-1")
CHOSEN = CertificateSpec("/etc/kubernetes/pki/etcd/any.crt", "cluster", "boss", "system:masters", client=True)
STORED = assignment(OLD, PLANNED, revision=3)
KEPT = assignment(NEW, CONFIG, PLANNED, CHOSEN, revision=7)


def test_what_runs_is_taken_over_above_both_revisions() -> None:
    taken = adopted(KEPT, STORED)
    assert (taken.tasks, taken.files, taken.revision) == (KEPT.tasks, KEPT.files, 8)
    assert adopted(replace(KEPT, revision=2), STORED).revision == 4


def test_an_agent_does_not_choose_what_is_signed() -> None:
    assert adopted(KEPT, STORED).certificates == (PLANNED,)
    assert adopted(replace(KEPT, cluster="other"), STORED).certificates == ()
    assert adopted(KEPT, assignment()).certificates == ()


def test_differences_name_components_and_kinds() -> None:
    assert differences(KEPT, STORED) == ("etcd", "files")
    assert differences(KEPT, KEPT) == ()
    assert differences(STORED, assignment(OLD, service("kubelet"))) == ("kubelet",)


def test_plans_are_shown_from_what_agents_told() -> None:
    ahead = {"n1": Ahead("more", kept=KEPT), "n2": Ahead("more")}
    held = seen_as_held({"n1": STORED, "n2": STORED, "n3": STORED}, ahead)
    assert held == {"n1": adopted(KEPT, STORED), "n2": STORED, "n3": STORED}


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()

    def work(repositories: Repositories) -> None:
        repositories.fleets.put(FleetRecord("f", 3, "a:1", "a:2", 0.0, restored_at=9.0))
        for name in ("n1", "n2"):
            repositories.nodes.put(Node(name, f"node-{name}", Facts(name)))
            repositories.assignments.put(name, STORED)

    made.now(work)
    return made


def test_confirming_takes_over_those_that_told_and_leaves_the_others(store: MemoryStore) -> None:
    ahead = {"n1": Ahead("more", 5, KEPT), "n2": Ahead("more", 7), "gone": Ahead("more", 1, KEPT)}
    done = store.now(lambda repositories: confirm(repositories, ahead))
    assert (done.changed, done.adopted) == (True, ("node-n1",))
    fleet = store.now(lambda repositories: repositories.fleets.get())
    assert fleet is not None
    assert (fleet.restored_at, fleet.generation) == (0.0, 5)
    assert store.now(lambda repositories: repositories.assignments.get("n1")) == adopted(KEPT, STORED)
    assert store.now(lambda repositories: repositories.assignments.get("n2")) == STORED


def test_confirming_twice_changes_nothing_more(store: MemoryStore) -> None:
    store.now(lambda repositories: confirm(repositories, {}))
    assert not store.now(lambda repositories: confirm(repositories, {})).changed


def test_nobody_is_believed_a_generation_that_no_fleet_reaches(store: MemoryStore) -> None:
    store.now(lambda repositories: confirm(repositories, {"n1": Ahead("more", 2**62, KEPT)}))
    fleet = store.now(lambda repositories: repositories.fleets.get())
    assert fleet is not None
    assert fleet.generation == 3


@pytest.mark.parametrize("revision", [0, 2, 3])
def test_an_unconfirmed_database_sends_nothing_to_anybody(revision: int) -> None:
    greeted = Greeted(Facts("node-1"), "lab", revision, 1)
    assert basis(STORED, greeted, 2, unconfirmed=True).objection
    assert not basis(STORED, greeted, 2, unconfirmed=True).ahead
    assert not basis(STORED, greeted, 2).objection
    assert basis(STORED, replace(greeted, revision=4), 2, unconfirmed=True).ahead

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_controller.store.port import Repositories, Revision, Store
from fairlead_wire.errors import Exists, Missing, Refused
from fairlead_wire.facts import Facts

FACTS = Facts("lab-1", "machine", "Debian", "6.1", cpus=2, memory_bytes=25_769_803_776, address="10.0.0.2")
NODE = Node("n1", "lab-1", FACTS, (("disk", "ssd"),), "lab", 10.0, 20.0, "digest", "t1")


def spec(name: str = "lab", kubernetes: str = "v1.37.2") -> ClusterSpec:
    return ClusterSpec.model_validate(
        {
            "apiVersion": "fairlead/v1",
            "kind": "Cluster",
            "metadata": {"name": name},
            "spec": {
                "kubernetes": kubernetes,
                "controlPlane": {"count": 3, "match": {"disk": "ssd"}, "spread": "zone"},
                "network": {"pods": "10.1.0.0/16", "nodePrefix": 25},
                "dns": {"zones": {"example.internal": "zones/a.zone"}},
                "components": {"kubelet": {"args": {"v": "2"}, "config": {"maxPods": 50, "nested": {"a": [1, None]}}}},
            },
        }
    )


def put_node(repositories: Repositories, node: Node) -> None:
    repositories.nodes.put(node)


def accept(repositories: Repositories, name: str) -> Cluster:
    return repositories.clusters.accept(spec(name), "yaml", {}, 10.0)


async def test_a_node_is_found_by_id_and_name(store: Store) -> None:
    other = replace(NODE, id="n0", name="zeta", revoked=True)
    await store.write(lambda r: r.nodes.put(other))
    await store.write(lambda r: r.nodes.put(NODE))
    assert await store.read(lambda r: r.nodes.get("n1")) == NODE
    assert await store.read(lambda r: r.nodes.by_name("zeta")) == other
    assert await store.read(lambda r: r.nodes.all()) == (NODE, other)
    assert await store.read(lambda r: (r.nodes.get("x"), r.nodes.by_name("x"))) == (None, None)


async def test_two_nodes_cannot_have_one_name(store: Store) -> None:
    await store.write(lambda r: r.nodes.put(NODE))
    with pytest.raises(Exists, match="another host name"):
        await store.write(lambda r: r.nodes.put(replace(NODE, id="n2")))


async def test_sessions_are_numbered_and_being_seen_does_not_disturb_that(store: Store) -> None:
    await store.write(lambda r: r.nodes.put(NODE))
    assert await store.write(lambda r: r.nodes.next_epoch("n1")) == 1
    await store.note(lambda r: r.nodes.touch({"n1": 5.0, "n2": 6.0}))
    await store.write(lambda r: r.nodes.put(replace(NODE, revoked=True)))
    assert await store.write(lambda r: r.nodes.next_epoch("n1")) == 2
    await store.note(lambda r: r.nodes.touch({"n1": 7.0}))
    assert await store.read(lambda r: dict(r.nodes.last_seen())) == {"n1": 7.0, "n2": 6.0}


async def test_revisions_of_a_cluster_count_up_and_are_all_kept(store: Store) -> None:
    first = await store.write(lambda r: r.clusters.accept(spec(), "yaml 1", {"zones/a.zone": "$ORIGIN"}, 10.0))
    second = await store.write(lambda r: r.clusters.accept(spec(kubernetes="v1.38.0"), "yaml 2", {}, 20.0))
    assert (first.revision, second.revision) == (1, 2)
    assert await store.read(lambda r: r.clusters.get("lab")) == second == Cluster("lab", 2, spec(kubernetes="v1.38.0"))
    assert await store.read(lambda r: r.clusters.revision("lab")) == Revision("lab", 2, "yaml 2", 20.0, 10.0)
    kept = await store.read(lambda r: r.clusters.revision("lab", 1))
    assert kept == Revision("lab", 1, "yaml 1", 10.0, 10.0, {"zones/a.zone": "$ORIGIN"})
    assert await store.read(lambda r: (r.clusters.revision("lab", 3), r.clusters.revision("x"))) == (None, None)


async def test_a_cluster_comes_back_as_it_was_understood(store: Store) -> None:
    accepted = await store.write(lambda r: r.clusters.accept(spec(), "yaml", {"zones/a.zone": "ü"}, 10.0))
    assert accepted.spec == spec()
    assert await store.read(lambda r: r.clusters.all()) == (accepted,)


async def test_deleting_a_cluster_is_a_phase_and_then_the_end(store: Store) -> None:
    await store.write(lambda r: r.clusters.accept(spec(), "yaml", {}, 10.0))
    await store.write(lambda r: r.clusters.set_phase("lab", ClusterPhase.DELETING, True))
    held = await store.read(lambda r: r.clusters.get("lab"))
    assert held == Cluster("lab", 1, spec(), phase=ClusterPhase.DELETING, destroy_data=True)
    await store.write(lambda r: r.clusters.remove("lab"))
    assert await store.read(lambda r: (r.clusters.get("lab"), r.clusters.all())) == (None, ())
    again = await store.write(lambda r: r.clusters.accept(spec(), "yaml", {}, 30.0))
    assert (again.revision, again.phase) == (1, ClusterPhase.ACTIVE)


async def test_an_unknown_cluster_has_no_phase(store: Store) -> None:
    with pytest.raises(Missing, match="fairlead cluster ls"):
        await store.write(lambda r: r.clusters.set_phase("lab", ClusterPhase.DELETING, False))


async def test_a_node_is_in_one_cluster_at_most(store: Store) -> None:
    claim = Claim("n1", "lab", NodeRole.WORKER, 0)
    for node in (NODE, replace(NODE, id="n2", name="lab-2")):
        await store.write(partial(put_node, node=node))
    for name in ("lab", "other"):
        await store.write(partial(accept, name=name))
    for _ in range(2):
        await store.write(lambda r: r.claims.add(claim))
    with pytest.raises(Refused, match="one cluster at most"):
        await store.write(lambda r: r.claims.add(replace(claim, cluster="other")))
    with pytest.raises(Refused, match="contradicts"):
        await store.write(lambda r: r.claims.add(replace(claim, node_id="n2")))
    with pytest.raises(Refused, match="still has nodes"):
        await store.write(lambda r: r.clusters.remove("lab"))
    assert await store.read(lambda r: r.claims.all()) == (claim,)
    await store.write(lambda r: r.claims.remove("n1"))
    await store.write(lambda r: r.clusters.remove("lab"))
    assert await store.read(lambda r: r.claims.all()) == ()


async def test_a_claim_on_an_unknown_node_is_refused(store: Store) -> None:
    await store.write(lambda r: r.clusters.accept(spec(), "yaml", {}, 10.0))
    with pytest.raises(Refused, match="contradicts"):
        await store.write(lambda r: r.claims.add(Claim("ghost", "lab", NodeRole.WORKER, 0)))

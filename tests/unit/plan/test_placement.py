"""Who carries a cluster: chosen, spread, stable, and never in two clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead_controller.model.node import Claim, Node, NodeRole
from fairlead_controller.model.snapshot import ClusterPhase
from fairlead_controller.plan.placement import Placement, place
from fairlead_testing.planning import cluster, fleet, node

CP, WORKER = NodeRole.CONTROL_PLANE, NodeRole.WORKER


def placed(nodes: list[Node], claims: tuple[Claim, ...] = (), away: tuple[str, ...] = (), **declared: Any) -> Placement:
    return place(cluster(**declared), fleet(nodes, claims, away))


def names(placement: Placement, role: NodeRole) -> list[str]:
    assert not placement.problems, placement.problems
    return [claim.node_id.removeprefix("id-") for claim in placement.claims if claim.role is role]


def problem(placement: Placement) -> str:
    (found,) = placement.problems
    return found


def three(**facts: Any) -> list[Node]:
    return [node(number, **facts) for number in (1, 2, 3)]


def test_one_server_is_a_whole_cluster() -> None:
    placement = placed([node()])
    assert names(placement, CP) == ["lab-1"]
    assert names(placement, WORKER) == []


def test_named_nodes_are_taken() -> None:
    assert names(placed(three(), controlPlane={"nodes": ["lab-3"]}), CP) == ["lab-3"]


def test_control_planes_are_spread_over_a_label() -> None:
    zones = ["a", "a", "a", "b", "c"]
    nodes = [node(number + 1, labels={"zone": zone}) for number, zone in enumerate(zones)]
    placement = placed(nodes, controlPlane={"count": 3, "spread": "zone"})
    assert names(placement, CP) == ["lab-1", "lab-4", "lab-5"]


def test_control_planes_have_the_labels_that_are_asked_for() -> None:
    nodes = [node(1), node(2, labels={"disk": "ssd"})]
    assert names(placed(nodes, controlPlane={"count": 1, "match": {"disk": "ssd"}}), CP) == ["lab-2"]


def test_a_node_whose_token_named_the_cluster_and_that_answers_is_preferred() -> None:
    free = node(1, cluster="")
    assert names(placed([free, node(2), node(3)], away=("lab-2",)), CP) == ["lab-3"]
    assert names(placed([free]), CP) == ["lab-1"], "a free one does too"


def test_workers_are_the_others_whose_token_named_the_cluster() -> None:
    nodes = [*three(), node(4, cluster=""), node(5, cluster="other")]
    placement = placed(nodes, workers={})
    assert names(placement, WORKER) == ["lab-2", "lab-3"]
    assert names(placed(nodes), WORKER) == [], "none unless the spec speaks of workers"


def test_workers_with_labels_are_all_free_nodes_that_have_them() -> None:
    gpu = {"gpu": "yes"}
    nodes = [node(1), node(2), node(3, labels=gpu, cluster=""), node(4, labels=gpu, cluster="other")]
    assert names(placed(nodes, workers={"match": gpu}), WORKER) == ["lab-3"]


def test_claims_stay_put_when_better_nodes_come() -> None:
    claims = (Claim("id-lab-2", "lab", CP, 0), Claim("id-lab-3", "lab", WORKER, 1))
    placement = placed(three(), claims, away=("lab-2",), workers={})
    assert set(placement.claims) == {*claims, Claim("id-lab-1", "lab", WORKER, 2)}


def test_pod_ranges_are_the_lowest_free_ones_and_stay() -> None:
    claims = (Claim("id-lab-3", "lab", CP, 1),)
    placement = placed([*three(), node(4)], claims, workers={})
    assert {claim.node_id: claim.range_index for claim in placement.claims} == {
        "id-lab-3": 1,
        "id-lab-1": 0,
        "id-lab-2": 2,
        "id-lab-4": 3,
    }


def test_a_worker_that_lost_its_label_leaves_and_its_range_is_not_given_away_meanwhile() -> None:
    claims = (Claim("id-lab-1", "lab", CP, 0), Claim("id-lab-2", "lab", WORKER, 1))
    nodes = [node(1), node(2), node(3, labels={"gpu": "yes"})]
    placement = placed(nodes, claims, workers={"match": {"gpu": "yes"}})
    assert placement.claims == (claims[0], Claim("id-lab-3", "lab", WORKER, 2))


def test_a_deleted_cluster_has_no_place() -> None:
    deleting = replace(cluster(), phase=ClusterPhase.DELETING)
    assert place(deleting, fleet(three(), (Claim("id-lab-1", "lab", CP, 0),))).claims == ()


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"controlPlane": {"count": 5}}, "wants 5 and 3 enrolled nodes (lab-1, lab-2, lab-3) are free; enrol more"),
        ({"controlPlane": {"count": 1, "match": {"disk": "ssd"}}}, "wants 1 and no enrolled nodes are free with disk="),
        ({"controlPlane": {"nodes": ["lab-9"]}}, "names lab-9, and no such node is enrolled (there are: lab-1, lab-2"),
        ({"network": {"pods": "10.244.0.0/24"}, "workers": {}}, "has room for 1 nodes at /24 each; write a higher"),
    ],
)
def test_too_little(declared: dict[str, Any], expected: str) -> None:
    assert expected in problem(placed(three(), **declared))


def test_nodes_of_others_can_not_be_named() -> None:
    taken, meant, revoked = node(1, cluster=""), node(2, cluster="other"), replace(node(3), revoked=True)
    claims = (Claim("id-lab-1", "other", WORKER, 0),)
    for each, why in ((taken, "is in cluster other"), (meant, "was for cluster other"), (revoked, "was revoked")):
        placement = placed([taken, meant, revoked], claims, controlPlane={"nodes": [each.name]})
        assert why in problem(placement)


def test_an_engine_that_is_too_old_is_named() -> None:
    placement = placed([node(docker_api="1.41", docker_version="20.10.24")])
    assert "node lab-1 runs Docker Engine 20.10.24, which is too old" in problem(placement)
    assert "install Docker Engine 23 or newer" in problem(placement)


def test_with_problems_everything_stays_where_it_is() -> None:
    claims = (Claim("id-lab-1", "lab", CP, 0), Claim("id-lab-2", "lab", WORKER, 1))
    placement = placed(three(), claims, controlPlane={"nodes": ["lab-9"]})
    assert placement.problems
    assert placement.claims == claims


def test_the_control_planes_of_a_running_cluster_stay_the_same() -> None:
    claims = (Claim("id-lab-1", "lab", CP, 0),)
    assert "write spec.controlPlane.nodes: [lab-1]" in problem(placed(three(), claims, controlPlane={"count": 3}))
    assert "write spec.controlPlane.nodes: [lab-1]" in problem(
        placed(three(), claims, controlPlane={"nodes": ["lab-2"]})
    )
    assert names(placed(three(), claims, controlPlane={"nodes": ["lab-1"]}), CP) == ["lab-1"]

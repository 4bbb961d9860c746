"""Small decisions: addresses, quorum, rendering, objects, the catalogue."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.model.cluster_spec import Network
from fairlead_controller.plan import addresses, catalogue, quorum
from fairlead_controller.plan.certificates import people_subject
from fairlead_controller.plan.components.registry import KINDS
from fairlead_controller.plan.rendering import flags, merged
from fairlead_testing.planning import World, cluster, node, one_server, spec


@given(st.integers(8, 24), st.integers(0, 4), st.data())
def test_pod_ranges_are_apart_and_inside(prefix: int, bits: int, data: st.DataObject) -> None:
    pods = IPv4Network(("10.0.0.0", prefix))
    network = Network(pods=pods, node_prefix=min(28, max(16, prefix + bits)))
    count = addresses.range_count(network)
    first, second = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    one, other = addresses.pod_range(network, first), addresses.pod_range(network, second)
    assert one.subnet_of(pods) or network.node_prefix < prefix
    assert one.overlaps(other) == (first == second)


def test_there_is_no_pod_range_outside() -> None:
    with pytest.raises(ValueError, match="no pod range number 256"):
        addresses.pod_range(Network(), 256)


@given(st.sets(st.integers(0, 20)), st.integers(0, 5))
def test_the_lowest_free_numbers_are_given(taken: set[int], count: int) -> None:
    found = addresses.lowest_free(taken, count)
    assert len(found) == count
    assert not taken & set(found)
    assert all(number in taken or number in found for number in range(max(found, default=-1) + 1))


def test_fixed_addresses_of_services() -> None:
    assert str(addresses.apiserver_service(Network())) == "10.96.0.1"
    assert str(addresses.dns_service(Network())) == "10.96.0.10"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("", "https://172.30.0.11:6443"),
        ("api.example.com", "https://api.example.com:6443"),
        ("10.0.0.9:443", "https://10.0.0.9:443"),
    ],
)
def test_where_people_find_the_apiserver(endpoint: str, url: str) -> None:
    world = World((node(),), cluster(endpoint=endpoint))
    world.run()
    found = addresses.control_plane_addresses(world.claims, world.snapshot().fleet)
    assert addresses.people_endpoint(spec(endpoint=endpoint), found) == url
    (serving,) = [each for each in world.held["id-lab-1"].certificates if each.common_name == "kube-apiserver"]
    host = addresses.split_endpoint(endpoint)[0] or "172.30.0.11"
    assert host in (*serving.dns_names, *serving.ip_addresses), "the certificate is good for it"


@given(st.integers(1, 9))
def test_any_two_majorities_share_a_member(members: int) -> None:
    assert 2 * quorum.quorum(members) > members
    assert 2 * (quorum.quorum(members) - 1) <= members


@pytest.mark.parametrize(
    ("component", "control_planes", "outage"),
    [("etcd", 1, True), ("etcd", 2, True), ("etcd", 3, False), ("kube-apiserver", 1, True),
     ("kube-apiserver", 3, False), ("kubelet", 1, False)],
)  # fmt: skip
def test_which_restarts_take_the_control_plane_away(component: str, control_planes: int, outage: bool) -> None:
    assert quorum.is_outage(component, control_planes) is outage


def test_people_are_named_in_the_clusters_audit() -> None:
    assert people_subject("ann") == ("fairlead:ann", "fairlead:cluster-admins")


def test_what_people_set_wins_and_comes_last() -> None:
    assert flags({"a": "1", "b": "2"}, {"z": "9", "b": "3", "c": "4"}) == ("--a=1", "--b=3", "--c=4", "--z=9")


def test_maps_are_merged_and_everything_else_is_replaced() -> None:
    ours = {"a": {"x": 1, "y": {"p": 1}}, "list": [1, 2], "kept": 0}
    theirs = {"a": {"y": {"q": 2}, "x": {"now": "a map"}}, "list": [3]}
    assert merged(ours, theirs) == {"a": {"x": {"now": "a map"}, "y": {"p": 1, "q": 2}}, "list": [3], "kept": 0}
    assert ours["a"] == {"x": 1, "y": {"p": 1}}, "ours is left as it was"


def test_every_component_has_an_image_a_place_in_each_order_and_a_builder() -> None:
    components = set(catalogue.CONTROL_PLANE + catalogue.EVERYWHERE)
    assert set(catalogue.REPLACEMENT_ORDER) == set(catalogue.REMOVAL_ORDER) == set(KINDS) == components
    for release in catalogue.RELEASES.values():
        assert set(release.images) == components | {catalogue.PAUSE}


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    with pytest.raises(catalogue.UnknownRelease, match=r"no release v9\.9\.9 here; write one of: v1\.37\.2"):
        catalogue.release("v9.9.9")


def test_a_node_is_patched_and_never_made() -> None:
    objects = {each.name: each for each in one_server().held["id-lab-1"].objects}
    patch = objects["patch/node/lab-1"]
    assert patch.path == "/api/v1/nodes/lab-1"
    role = "node-role.kubernetes.io/control-plane"
    no_taint = {"key": role, "effect": "NoSchedule", "$patch": "delete"}
    assert json.loads(patch.manifest) == {
        "metadata": {"labels": {role: ""}},
        "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"], "taints": [no_taint]},
    }
    assert not [name for name, each in objects.items() if "/nodes/" in each.path and not name.startswith("patch/")]


def test_objects_know_their_own_names() -> None:
    for each in one_server().held["id-lab-1"].objects:
        if not each.name.startswith("patch/"):
            metadata = json.loads(each.manifest)["metadata"]
            assert each.path.endswith(f"/{metadata['name']}")
            parts = (json.loads(each.manifest)["kind"].lower(), metadata.get("namespace"), metadata["name"])
            assert each.name == "/".join(part for part in parts if part)


def test_every_node_answers_its_own_queries() -> None:
    world = World((node(1), node(2)), cluster(workers={}))
    world.run()
    objects = {each.name: json.loads(each.manifest) for each in world.held["id-lab-1"].objects}
    service = objects["service/kube-system/kube-dns"]["spec"]
    assert service["clusterIP"] == "10.96.0.10"
    assert service["internalTrafficPolicy"] == "Local"
    for number in (1, 2):
        (endpoint,) = objects[f"endpointslice/kube-system/kube-dns-lab-{number}"]["endpoints"]
        assert (endpoint["nodeName"], endpoint["addresses"]) == (f"lab-{number}", [f"172.30.0.{10 + number}"])

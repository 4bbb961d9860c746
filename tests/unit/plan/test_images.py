"""Which images a node needs, and how much of them it would have to get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.plan import catalogue
from fairlead_controller.plan.desired import desired
from fairlead_controller.plan.images import Lack, lacking, needed
from fairlead_controller.plan.placement import place
from fairlead_testing.fake_fleet_images import fleet_image
from fairlead_testing.planning import World, cluster, node
from fairlead_wire.assignment import Assignment
from fairlead_wire.task import TaskSpec

ETCD, API = fleet_image("registry.k8s.io/etcd:3", base=1000, etcd=50), fleet_image("a.b/api:1", base=1000, api=70)
FLEET = {image.reference: image for image in (ETCD, API)}
BOTH = (API.reference, ETCD.reference)
CONFIGURATION = 100


def test_a_control_plane_needs_every_component_and_pause_and_a_worker_only_its_own() -> None:
    world = World((node(1), node(2)), cluster(workers={}))
    snapshot = world.snapshot()
    wanted = desired(snapshot, place(snapshot.cluster, snapshot.fleet).claims)
    release = catalogue.release("v1.37.2")
    by_node = {assignment.node: needed(assignment) for assignment in wanted.values()}
    assert release.image(catalogue.PAUSE) in by_node["lab-2"]
    assert set(by_node["lab-2"]) < set(by_node["lab-1"])
    assert len(by_node["lab-1"]) == len(set(by_node["lab-1"])) == len(release.images)
    assert all("/" in reference and ":" in reference for reference in by_node["lab-1"])
    assert any(reference.startswith("docker.io/fairlead/") for reference in by_node["lab-2"]), "names are full ones"


def test_an_image_of_several_tasks_is_needed_once() -> None:
    tasks = (TaskSpec("a", "shop"), TaskSpec("b", "docker.io/library/shop:latest"))
    assert needed(Assignment(tasks=tasks)) == ("docker.io/library/shop:latest",)


def test_a_layer_that_several_share_counts_once() -> None:
    assert lacking(BOTH, (), FLEET) == (
        Lack(API.reference, 1070 + CONFIGURATION, in_fleet=True),
        Lack(ETCD.reference, 50 + CONFIGURATION, in_fleet=True),
    )


def test_a_layer_that_the_node_has_does_not_count() -> None:
    assert lacking(BOTH, {API.reference}, FLEET) == (Lack(ETCD.reference, 50 + CONFIGURATION, in_fleet=True),)
    assert lacking(BOTH, BOTH, FLEET) == ()


def test_what_the_fleet_does_not_have_has_no_size() -> None:
    assert lacking(("x.y/z:1",), (), FLEET) == (Lack("x.y/z:1"),)


LAYERS = st.dictionaries(st.sampled_from("abcdef"), st.just(10), max_size=4)


@given(st.lists(LAYERS, max_size=6), st.sets(st.integers(0, 5)))
def test_the_sizes_add_up_to_what_the_node_lacks(layers: list[dict[str, int]], there: set[int]) -> None:
    images = [fleet_image(f"a.b/{number}:1", **each) for number, each in enumerate(layers)]
    fleet = {image.reference: image for image in images}
    held = {image.reference for number, image in enumerate(images) if number in there}
    lacks = lacking(tuple(fleet), held, fleet)
    assert [lack.reference for lack in lacks] == [name for name in fleet if name not in held]
    has = {blob for name in held for blob in fleet[name].blobs}
    sizes = dict(pair for image in images for pair in image.blobs.items())
    assert sum(lack.size for lack in lacks) == sum(size for blob, size in sizes.items() if blob not in has)

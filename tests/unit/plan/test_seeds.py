"""Which node gives the fleet's images to the others of its zone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.model.node import Node
from fairlead_controller.plan.seeds import SMALLEST_ZONE, seeds, zone_of
from fairlead_wire.facts import Facts


def node(name: str, zone: str = "a", at: float = 0.0, address: str = "192.0.2.1", revoked: bool = False) -> Node:
    labels = (("zone", zone),) if zone else ()
    return Node(name, name, Facts(name, address=address), labels, enrolled_at=at, revoked=revoked)


THREE = (node("n1", at=3.0), node("n2", at=1.0), node("n3", at=2.0))
ALL = {"n1", "n2", "n3", "n4"}


@pytest.mark.parametrize(
    ("nodes", "able", "expected"),
    [
        pytest.param(THREE, ALL, {"a": "n2"}, id="the first that enrolled"),
        pytest.param(THREE, {"n1", "n3"}, {"a": "n3"}, id="the next, while that is away"),
        pytest.param(THREE, set(), {}, id="nobody can"),
        pytest.param(THREE[:2], ALL, {}, id="two need none"),
        pytest.param((*THREE[:2], node("n3", revoked=True)), ALL, {}, id="a revoked node is none"),
        pytest.param((*THREE[:2], node("n3", "b")), ALL, {}, id="nor is one of another zone"),
        pytest.param(tuple(node(f"n{i}", "") for i in (1, 2, 3)), ALL, {"": "n1"}, id="without a zone: together"),
        pytest.param((*THREE, node("n4", at=0.0, address="")), ALL, {"a": "n2"}, id="who has no address serves nobody"),
        pytest.param((*THREE, node("n0", at=9.0)), {*ALL, "n0"}, {"a": "n2"}, id="a new node takes it from nobody"),
    ],
)
def test_the_seed_of_a_zone(nodes: tuple[Node, ...], able: set[str], expected: dict[str, str]) -> None:
    assert seeds(nodes, able) == expected


FLEETS = st.lists(
    st.builds(node, st.from_regex("[a-z]{3}", fullmatch=True), st.sampled_from(["", "a", "b"]), st.floats(0, 9)),
    unique_by=lambda each: each.id,
    max_size=12,
)


@given(FLEETS, st.data())
def test_every_zone_of_three_has_exactly_one_of_its_own_whatever_the_order(
    nodes: list[Node], data: st.DataObject
) -> None:
    able = {each.id for each in nodes}
    chosen = seeds(nodes, able)
    zones = [zone_of(each) for each in nodes]
    assert set(chosen) == {zone for zone in zones if zones.count(zone) >= SMALLEST_ZONE}
    assert all(zone_of(next(each for each in nodes if each.id == seed)) == zone for zone, seed in chosen.items())
    assert seeds(data.draw(st.permutations(nodes)), able) == chosen

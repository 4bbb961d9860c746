"""The lab's range: free, and read from what the kernel says."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.lab.network import Addresses, free_range, routes
from fairlead_cli.lab.processes import LabError

TABLE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
"""

networks = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0xAC1E0000, 0xAC1EFFFF),
    st.integers(18, 32),
)


def test_routes_are_those_of_the_kernel_without_the_default_one() -> None:
    assert routes(TABLE) == [IPv4Network("192.0.2.0/24"), IPv4Network("172.17.0.0/16")]


@given(st.lists(networks, max_size=3))
def test_the_chosen_range_overlaps_nothing(taken: list[IPv4Network]) -> None:
    chosen = free_range(taken)
    assert not any(chosen.overlaps(other) for other in taken)


def test_when_all_is_taken_the_error_says_what_to_do() -> None:
    with pytest.raises(LabError, match="Remove a Docker network"):
        free_range([IPv4Network("172.16.0.0/12")])


def test_everyone_has_an_address_of_its_own() -> None:
    addresses = Addresses(IPv4Network("172.30.4.0/24"))
    everyone = [addresses.host, addresses.registry, *(addresses.server(position) for position in range(20))]
    assert [str(one) for one in everyone[:4]] == ["172.30.4.1", "172.30.4.2", "172.30.4.11", "172.30.4.12"]
    assert len(set(everyone)) == len(everyone)

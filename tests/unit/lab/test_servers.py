"""What a server of the lab is made with."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.servers import create_words, daemon_settings, resolvers_of


def test_a_server_has_the_mirror_and_keeps_containers_when_docker_restarts() -> None:
    settings = daemon_settings(IPv4Address("172.30.0.2"), ["192.0.2.53"])
    assert settings["registry-mirrors"] == ["http://172.30.0.2:5000"]
    assert settings["live-restore"] is True
    assert settings["dns"] == ["192.0.2.53"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nameserver 192.0.2.53\n", ["192.0.2.53"]),
        ("# a comment\nsearch example.com\nnameserver 127.0.0.53\n", []),
        (
            "nameserver 192.0.2.1\nnameserver 127.0.0.1\nnameserver 192.0.2.2\noptions edns0\n",
            ["192.0.2.1", "192.0.2.2"],
        ),
        ("nameserver\n", []),
    ],
)
def test_only_resolvers_that_containers_can_reach_are_handed_on(text: str, found: list[str]) -> None:
    assert resolvers_of(text) == found


def test_everything_of_a_server_carries_the_label_and_its_own_volumes() -> None:
    words = create_words(Lab("lab", 2), "lab-2", IPv4Address("172.30.0.12"), "fairlead/lab-node:1")
    line = " ".join(words)
    assert "--label fairlead.lab=lab" in line
    assert "--hostname lab-2" in line
    assert "--volume lab-2-etcd:/var/lib/etcd" in line
    assert words[-1] == "fairlead/lab-node:1"


@pytest.mark.parametrize("name", ["", "Lab", "-lab", "a-name-too-long-for-it", "lab_1", "../lab"])
def test_a_name_that_docker_or_the_kernel_would_refuse_is_refused_at_once(name: str) -> None:
    with pytest.raises(LabError, match="small letters"):
        Lab(name)


@pytest.mark.parametrize("servers", [0, -1, 21])
def test_a_senseless_number_of_servers_is_refused(servers: int) -> None:
    with pytest.raises(LabError, match="--servers"):
        Lab("lab", servers)

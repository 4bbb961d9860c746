"""A container as people describe it, and what Docker is asked to make."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.container_body import create_body
from fairlead_agent.docker_calls.ports import Published, published
from fairlead_wire.errors import Invalid


def body(**spec: Any) -> dict[str, Any]:
    return create_body(pb.ContainerSpec(image="shop:1", **spec))


def host(**spec: Any) -> Any:
    return body(**spec)["HostConfig"]


def test_the_least_is_what_docker_run_would_make() -> None:
    made = body()
    assert made["Image"] == "shop:1"
    assert not {"Cmd", "Entrypoint", "WorkingDir", "User", "Hostname", "StopSignal"} & set(made)
    assert (made["Tty"], made["OpenStdin"]) == (False, False)
    assert (made["HostConfig"]["NetworkMode"], made["HostConfig"]["AutoRemove"]) == ("default", False)
    assert made["HostConfig"]["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}


@pytest.mark.parametrize(
    ("spec", "key", "value"),
    [
        ({"command": ["a", "b"]}, "Cmd", ["a", "b"]),
        ({"environment": ["A=b=c"]}, "Env", ["A=b=c"]),
        ({"entrypoint": ["/e"], "entrypoint_set": True}, "Entrypoint", ["/e"]),
        ({"entrypoint_set": True}, "Entrypoint", [""]),
        ({"labels": {"a": "b"}}, "Labels", {"a": "b"}),
        ({"working_directory": "/w"}, "WorkingDir", "/w"),
        ({"user": "1:2"}, "User", "1:2"),
        ({"hostname": "h"}, "Hostname", "h"),
        ({"terminal": True}, "Tty", True),
        ({"stdin": True}, "OpenStdin", True),
        ({"stdin": True}, "StdinOnce", True),
        ({"stdin": True, "detached": True}, "OpenStdin", True),
        ({"stdin": True, "detached": True}, "StdinOnce", False),
        ({"detached": True}, "AttachStdout", False),
        ({"stop_signal": "SIGINT"}, "StopSignal", "SIGINT"),
        ({"ports": ["80", "53/udp"]}, "ExposedPorts", {"80/tcp": {}, "53/udp": {}}),
        ({"volumes": ["/data"]}, "Volumes", {"/data": {}}),
    ],
)
def test_of_the_container(spec: dict[str, Any], key: str, value: Any) -> None:
    assert body(**spec)[key] == value


@pytest.mark.parametrize(
    ("spec", "key", "value"),
    [
        ({"volumes": ["/srv:/data", "name:/b:ro", "/data"]}, "Binds", ["/srv:/data", "name:/b:ro"]),
        ({"publish_all": True}, "PublishAllPorts", True),
        ({"network": "container:x"}, "NetworkMode", "container:x"),
        ({"remove": True}, "AutoRemove", True),
        ({"privileged": True}, "Privileged", True),
        ({"memory": 2**20}, "Memory", 2**20),
        ({"cpus": 1.5}, "NanoCpus", 1_500_000_000),
        ({"cap_add": ["NET_ADMIN"]}, "CapAdd", ["NET_ADMIN"]),
        ({"cap_drop": ["ALL"]}, "CapDrop", ["ALL"]),
        ({"read_only": True}, "ReadonlyRootfs", True),
        ({"extra_hosts": ["a:192.0.2.1"]}, "ExtraHosts", ["a:192.0.2.1"]),
        ({"init": True}, "Init", True),
        ({"pid": "host"}, "PidMode", "host"),
        ({"restart": "always"}, "RestartPolicy", {"Name": "always", "MaximumRetryCount": 0}),
        ({"restart": "on-failure:3"}, "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
        (
            {"ports": ["192.0.2.1:8080:80", "81:80"]},
            "PortBindings",
            {"80/tcp": [{"HostIp": "192.0.2.1", "HostPort": "8080"}, {"HostIp": "", "HostPort": "81"}]},
        ),
    ],
)
def test_of_its_place_on_the_host(spec: dict[str, Any], key: str, value: Any) -> None:
    assert host(**spec)[key] == value


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ("80", [("80/tcp", "", "")]),
        ("53/udp", [("53/udp", "", "")]),
        ("8080:80", [("80/tcp", "", "8080")]),
        ("192.0.2.1:8080:80/sctp", [("80/sctp", "192.0.2.1", "8080")]),
        ("192.0.2.1::80", [("80/tcp", "192.0.2.1", "")]),
        ("[2001:db8::1]:8080:80", [("80/tcp", "2001:db8::1", "8080")]),
        ("8000-8001:80-81", [("80/tcp", "", "8000"), ("81/tcp", "", "8001")]),
        ("8000-8010:80", [("80/tcp", "", "8000-8010")]),
        ("80-81", [("80/tcp", "", ""), ("81/tcp", "", "")]),
    ],
)
def test_ports(spec: str, ports: list[tuple[str, str, str]]) -> None:
    assert published([spec]) == (tuple(Published(*each) for each in ports), ())


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"ports": ["web"]}, "'web' is no port"),
        ({"ports": ["80/icmp"]}, "one of tcp, udp, sctp"),
        ({"ports": ["1-3:1-2"]}, "the same length"),
        ({"ports": ["70000"]}, "from 1 to 65535"),
        ({"ports": ["9-8"]}, "ranges upwards"),
        ({"ports": ["here:80:80"]}, "is no address"),
        ({"ports": [""]}, "is no port"),
        ({"volumes": ["./data:/data"]}, "has to begin with /"),
        ({"volumes": ["/srv:data"]}, "the path in the container"),
        ({"volumes": ["data"]}, "the path in the container"),
        ({"restart": "never"}, "is no policy"),
        ({"restart": "always:3"}, "is no policy"),
        ({"restart": "always", "remove": True}, "exclude each other"),
        ({"memory": -1}, "too little"),
        ({"cpus": -0.5}, "too little"),
    ],
)
def test_what_can_be_no_container(spec: dict[str, Any], what: str) -> None:
    with pytest.raises(Invalid) as caught:
        body(**spec)
    (problem,) = caught.value.problems
    assert what in problem.what


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        create_body(pb.ContainerSpec(ports=["x"], volumes=["y"], restart="z"))
    assert [problem.where for problem in caught.value.problems] == ["image", "--publish", "--volume", "--restart"]

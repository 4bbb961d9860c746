"""What Docker tells, in our words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.stats import used
from fairlead_testing.people_engine import ScriptedEngine, called, container

LISTED = {
    "Id": "57",
    "Names": ["/fairlead-etcd"],
    "Image": "etcd:1",
    "ImageID": "sha256:58",
    "Command": "etcd",
    "Created": 1_700_000_000,
    "State": "running",
    "Status": "Up 2 hours",
    "Ports": [{"PrivatePort": 80, "Type": "tcp"}, {"IP": "::", "PrivatePort": 80, "PublicPort": 81, "Type": "tcp"}],
    "Labels": {"fairlead.component": "etcd"},
    "Mounts": [{"Type": "volume", "Name": "data", "Source": "/var/x"}, {"Type": "bind", "Source": "/srv"}],
    "NetworkSettings": {"Networks": {"b": {}, "a": {}}},
}


async def test_containers() -> None:
    engine = ScriptedEngine({"GET /containers/json": [LISTED]})
    filters = [pb.DockerFilter(key="status", values=["exited"]), pb.DockerFilter(key="status", values=["dead"])]
    heard = await called(engine, "ListContainers", pb.ListContainersRequest(all=True, limit=3, filters=filters))
    (answer,) = heard.answers
    (seen,) = answer.containers
    assert (seen.id, list(seen.names), seen.fairlead) == ("57", ["fairlead-etcd"], "etcd")
    assert [(port.ip, port.public_port, port.private_port) for port in seen.ports] == [("", 0, 80), ("::", 81, 80)]
    assert (list(seen.mounts), list(seen.networks)) == (["data", "/srv"], ["a", "b"])
    query = dict(engine.asked[0].query)
    assert json.loads(str(query.pop("filters"))) == {"status": ["exited", "dead"]}
    assert query == {"all": "1", "size": "0", "limit": "3"}


async def test_images_newest_first_without_names_that_are_none() -> None:
    old = {"Id": "a", "RepoTags": ["<none>:<none>"], "RepoDigests": None, "Created": 1, "Size": 5, "Labels": None}
    new = {"Id": "b", "RepoTags": ["x:1"], "RepoDigests": ["x@sha256:5"], "Created": 2, "Size": 6, "Labels": {"l": "m"}}
    engine = ScriptedEngine({"GET /images/json": [old, new]})
    (answer,) = (await called(engine, "ListImages", pb.ListImagesRequest(reference="x"))).answers
    assert [(image.id, list(image.tags), list(image.digests)) for image in answer.images] == [
        ("b", ["x:1"], ["x@sha256:5"]),
        ("a", [], []),
    ]
    assert json.loads(str(engine.asked[0].query["filters"])) == {"reference": ["x"]}


@pytest.mark.parametrize(
    ("request_", "query"),
    [
        ({"tail": -1}, {"tail": "all", "follow": "0", "timestamps": "0"}),
        ({"tail": 0, "follow": True}, {"tail": "0", "follow": "1", "timestamps": "0"}),
        (
            {"tail": 5, "since": 1.5, "until": 2.25, "timestamps": True},
            {"tail": "5", "follow": "0", "timestamps": "1", "since": "1.500000000", "until": "2.250000000"},
        ),
    ],
)
async def test_a_log_is_asked_for_as_it_was_wanted(request_: dict[str, Any], query: dict[str, str]) -> None:
    found = container("x")
    path = f"GET /containers/{found['Id']}/logs"
    engine = ScriptedEngine({"GET /containers/x/json": found}, {path: [b"\x01one", b"\x02two"]})
    heard = await called(engine, "ReadLogs", pb.ReadLogsRequest(container="x", **request_))
    assert heard.answers[0].WhichOneof("part") == "terminal"
    assert [answer.data for answer in heard.answers[1:]] == [b"\x01one", b"\x02two"]
    assert engine.asked[-1].query == {"stdout": "1", "stderr": "1", **query}
    assert engine.opened[0].closed


def test_what_a_container_uses() -> None:
    def look(mine: int, all_: int) -> dict[str, Any]:
        return {
            "id": "57",
            "name": "/x",
            "cpu_stats": {"cpu_usage": {"total_usage": mine}, "system_cpu_usage": all_, "online_cpus": 4},
            "memory_stats": {"usage": 1000, "limit": 5000, "stats": {"inactive_file": 300}},
            "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 7}, {"op": "write", "value": 8}]},
            "pids_stats": {"current": 3},
        }

    seen = used(look(100, 1000), look(300, 1400))
    assert seen.cpu == pytest.approx(2.0)
    assert (seen.memory, seen.memory_limit, seen.pids) == (700, 5000, 3)
    assert (seen.network_in, seen.network_out, seen.block_in, seen.block_out) == (11, 22, 7, 8)
    assert used({}, look(300, 1400)).cpu == 0.0


def test_a_container_that_has_just_ended_uses_nothing() -> None:
    seen = used({}, {"id": "57", "name": "/x", "memory_stats": {}, "networks": None, "blkio_stats": None})
    assert (seen.cpu, seen.memory, seen.block_in) == (0.0, 0, 0)

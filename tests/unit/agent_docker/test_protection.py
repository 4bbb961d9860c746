"""Fairlead's own containers are marked, and people do not stop them by accident."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.protection import part_of
from fairlead_testing.people_engine import ScriptedEngine, called, container

OURS = {
    "etcd": {"fairlead_cluster": "prod", "fairlead_component": "etcd"},
    "agent": {"fairlead_agent": "true"},
    "controller": {"fairlead_controller": "true"},
}
INSTEAD = {
    "etcd": "`fairlead cluster delete prod`",
    "agent": "docker restart fairlead-agent",
    "controller": "docker restart fairlead-controller",
}
ENDING: dict[str, tuple[Any, str]] = {
    "StopContainer": (pb.StopContainerRequest, "POST /containers/{}/stop"),
    "RestartContainer": (pb.RestartContainerRequest, "POST /containers/{}/restart"),
    "RemoveContainer": (pb.RemoveContainerRequest, "DELETE /containers/{}"),
}


def engine(reference: str, found: dict[str, Any]) -> ScriptedEngine:
    """One that finds a container by that reference, and does everything."""
    done = {did.format(found["Id"]): () for _, did in ENDING.values()}
    streams = {**done, "POST /commit": [b'{"Id": "sha256:57"}']}
    return ScriptedEngine({f"GET /containers/{reference}/json": found}, streams)


@pytest.mark.parametrize("reference", ["fairlead-etcd", "57b1", "57b15d62ea13" + "0" * 52])
@pytest.mark.parametrize("part", sorted(OURS))
@pytest.mark.parametrize("method", sorted(ENDING))
async def test_ours_are_left_alone(method: str, part: str, reference: str) -> None:
    docker = engine(reference, container("fairlead-x", **OURS[part]))
    heard = await called(docker, method, ENDING[method][0](node="nodes/lab-1", container=reference))
    assert heard.failure is not None
    assert heard.failure.code == "FAILED_PRECONDITION"
    assert f"Fairlead's own {part}" in heard.failure.message
    assert INSTEAD[part] in heard.failure.next_step
    assert "--force" in heard.failure.next_step
    assert docker.did() == []


@pytest.mark.parametrize("method", sorted(ENDING))
@pytest.mark.parametrize(("labels", "force"), [({}, False), (OURS["etcd"], True)])
async def test_others_and_those_that_are_forced(method: str, labels: dict[str, str], force: bool) -> None:
    found = container("x", **labels)
    docker = engine("x", found)
    kind, did = ENDING[method]
    heard = await called(docker, method, kind(container="x", force=force))
    assert heard.failure is None
    assert docker.did() == [did.format(found["Id"])], "it is done to the container that was looked at"


async def test_an_image_is_made_of_ours_only_while_it_goes_on() -> None:
    docker = engine("x", container("fairlead-etcd", **OURS["etcd"]))
    heard = await called(docker, "CommitContainer", pb.CommitContainerRequest(container="x"))
    assert heard.failure is not None
    assert "to pause it all the same" in heard.failure.next_step
    heard = await called(docker, "CommitContainer", pb.CommitContainerRequest(container="x", no_pause=True))
    assert heard.failure is None


@pytest.mark.parametrize(
    "spec",
    [
        pb.ContainerSpec(image="x", labels={"fairlead.component": "etcd"}),
        pb.ContainerSpec(image="x", labels={"fairlead.agent": ""}),
        pb.ContainerSpec(image="x", name="fairlead-kubelet"),
    ],
)
async def test_nobody_makes_one_that_looks_like_ours(spec: pb.ContainerSpec) -> None:
    docker = ScriptedEngine()
    heard = await called(docker, "CreateContainer", pb.CreateContainerRequest(container=spec))
    assert heard.failure is not None
    assert heard.failure.code == "INVALID_ARGUMENT"
    assert docker.asked == []


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        ({}, ""),
        (None, ""),
        ({"fairlead.hash": "1"}, ""),
        ({"fairlead.component": "kubelet"}, "kubelet"),
        ({"fairlead.agent": "true"}, "agent"),
        ({"fairlead.controller": "true"}, "controller"),
    ],
)
def test_how_ours_are_known(labels: dict[str, str] | None, part: str) -> None:
    assert part_of(labels) == part

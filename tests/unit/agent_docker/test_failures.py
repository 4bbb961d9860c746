"""Docker's failures, and what a person is told."""

from __future__ import annotations

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.failures import understood
from fairlead_agent.runtime.failures import away, from_answer
from fairlead_testing.people_engine import ScriptedEngine, called


@pytest.mark.parametrize(
    ("status", "sentence", "code", "step"),
    [
        (404, "No such container: x", "NOT_FOUND", "fairlead docker ps --all --node lab-1"),
        (404, "No such image: x:latest", "NOT_FOUND", "fairlead docker pull --node lab-1"),
        (404, "network x not found", "NOT_FOUND", "fairlead docker ps"),
        (404, "pull access denied for x, repository does not exist", "NOT_FOUND", "registry"),
        (409, "Container 57 is not running", "FAILED_PRECONDITION", "fairlead docker start"),
        (409, 'Conflict. The container name "/x" is already in use by container 57', "FAILED_PRECONDITION", "name"),
        (409, "You cannot remove a running container 57", "FAILED_PRECONDITION", "rm -f"),
        (409, "something else", "FAILED_PRECONDITION", "fairlead docker inspect"),
        (400, "invalid mode: z", "INVALID_ARGUMENT", "Correct it"),
        (500, "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", "FAILED_PRECONDITION", "port"),
        (500, 'Get "https://r/v2/": dial tcp: lookup r: no such host', "UNAVAILABLE", "registry"),
        (500, "write /x: no space left on device", "FAILED_PRECONDITION", "Make room"),
        (500, "it exploded", "INTERNAL", "journalctl -u docker"),
        (None, "The command '/bin/sh -c false' returned a non-zero code: 1", "INVALID_ARGUMENT", "Dockerfile"),
    ],
)
def test_what_docker_refuses(status: int | None, sentence: str, code: str, step: str) -> None:
    error = understood(from_answer(status, sentence), "lab-1")
    assert error.code == code
    assert step in error.next_step
    assert error.message.endswith(".")
    assert sentence[1:] in error.message


def test_docker_is_away() -> None:
    error = understood(away("Connection refused"), "lab-1")
    assert (error.code, error.message) == ("UNAVAILABLE", "Docker does not answer (Connection refused).")
    assert error.next_step.startswith("Start it on this server")


@pytest.mark.parametrize("name", ["", "../images", "a/b", "a b", "-x", "x\n"])
async def test_what_can_be_no_name_does_not_reach_docker(name: str) -> None:
    engine = ScriptedEngine()
    heard = await called(engine, "StopContainer", pb.StopContainerRequest(container=name))
    assert heard.failure is not None
    assert heard.failure.code == "INVALID_ARGUMENT"
    assert engine.asked == []


@pytest.mark.parametrize("name", ["", "../x", "a//b", "x y", "x:1@", "x/"])
async def test_nor_what_can_be_no_image(name: str) -> None:
    engine = ScriptedEngine()
    heard = await called(engine, "GetImageHistory", pb.GetImageHistoryRequest(image=name))
    assert heard.failure is not None
    assert heard.failure.code == "INVALID_ARGUMENT"
    assert engine.asked == []


async def test_a_fault_of_ours_is_told_without_its_inside() -> None:
    engine = ScriptedEngine({"GET /containers/x/json": ValueError("inside")})
    heard = await called(engine, "StopContainer", pb.StopContainerRequest(container="x"))
    assert heard.failure is not None
    assert (heard.failure.code, heard.failure.message) == ("INTERNAL", "The agent failed inside: ValueError.")

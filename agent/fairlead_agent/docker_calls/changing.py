"""Makes, starts, stops, restarts, removes containers; makes images of them, and gives images names.

Who asks by a name or the beginning of an identifier gets it looked up first: what is then done is done to that very
container, and Fairlead's own are known by their labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls import protection
from fairlead_agent.docker_calls.call import Call, flag, image_path, repository_and_tag
from fairlead_agent.docker_calls.container_body import create_body
from fairlead_agent.runtime.people_port import SHORT_SECONDS, EngineRequest

STOP_SECONDS = 10
"""Docker's own, for a container that says nothing (moby, container.DefaultStopTimeout)."""
COMMIT_SECONDS = 1800.0
"""To read and compress all that a container has written, at 10 MiB/s for 18 GiB."""
START_SECONDS = 120.0


async def create(call: Call, request: docker_pb2.CreateContainerRequest) -> docker_pb2.CreateContainerResponse:
    spec = request.container
    protection.check_new(spec.name, spec.labels)
    query = {"name": spec.name} if spec.name else {}
    made = await call.post("/containers/create", create_body(spec), **query)
    return docker_pb2.CreateContainerResponse(id=made["Id"], warnings=made.get("Warnings") or ())


async def start(call: Call, request: docker_pb2.StartContainerRequest) -> docker_pb2.StartContainerResponse:
    found = await call.container(request.container)
    await call.do(start_request(found["Id"]))
    return docker_pb2.StartContainerResponse()


async def stop(call: Call, request: docker_pb2.StopContainerRequest) -> docker_pb2.StopContainerResponse:
    found = await call.container(request.container)
    protection.check(found, "stop", call.node, request.force)
    await _ended(call, found, "stop", request.seconds)
    return docker_pb2.StopContainerResponse()


async def restart(call: Call, request: docker_pb2.RestartContainerRequest) -> docker_pb2.RestartContainerResponse:
    found = await call.container(request.container)
    protection.check(found, "restart", call.node, request.force)
    await _ended(call, found, "restart", request.seconds)
    return docker_pb2.RestartContainerResponse()


async def remove(call: Call, request: docker_pb2.RemoveContainerRequest) -> docker_pb2.RemoveContainerResponse:
    found = await call.container(request.container)
    protection.check(found, "remove", call.node, request.force)
    query = {"force": flag(request.kill), "v": flag(request.volumes)}
    removal = EngineRequest("DELETE", f"/containers/{found['Id']}", query, seconds=START_SECONDS)
    await call.do(removal)
    return docker_pb2.RemoveContainerResponse()


async def commit(call: Call, request: docker_pb2.CommitContainerRequest) -> docker_pb2.CommitContainerResponse:
    """A paused etcd or apiserver is one that fails, so of ours images are only made while they go on."""
    found = await call.container(request.container)
    protection.check(found, "pause", call.node, force=request.no_pause)
    repository, tag = repository_and_tag(request.reference) if request.reference else ("", "")
    query = {
        "container": found["Id"],
        "repo": repository,
        "tag": tag,
        "comment": request.message,
        "author": request.author,
        "pause": flag(not request.no_pause),
        "changes": list(request.changes),
    }
    made = await call.do(EngineRequest("POST", "/commit", query, seconds=COMMIT_SECONDS))
    return docker_pb2.CommitContainerResponse(id=made["Id"])


async def tag(call: Call, request: docker_pb2.TagImageRequest) -> docker_pb2.TagImageResponse:
    repository, name = repository_and_tag(request.reference)
    await call.post(f"{image_path(request.image)}/tag", repo=repository, tag=name)
    return docker_pb2.TagImageResponse()


def start_request(identity: str) -> EngineRequest:
    """It may take long: for the networks and volumes of many at once."""
    return EngineRequest("POST", f"/containers/{identity}/start", seconds=START_SECONDS)


async def _ended(call: Call, found: Mapping[str, Any], verb: str, seconds: int) -> None:
    """Waits beyond the seconds that the container has to end; -1 are its own."""
    query = {"t": str(seconds)} if seconds >= 0 else {}
    own = found["Config"].get("StopTimeout")
    given = seconds if seconds >= 0 else STOP_SECONDS if own is None else own
    request = EngineRequest("POST", f"/containers/{found['Id']}/{verb}", query, seconds=given + 4 * SHORT_SECONDS)
    await call.do(request)

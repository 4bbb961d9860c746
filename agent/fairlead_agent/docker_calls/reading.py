"""What containers and images there are, and all about one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call, flag, image_path, is_container_name
from fairlead_agent.docker_calls.hiding import instruction_without_values, without_values
from fairlead_agent.docker_calls.protection import part_of
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_agent.runtime.port import RuntimeFailure

CONTAINER, IMAGE = docker_pb2.DOCKER_OBJECT_CONTAINER, docker_pb2.DOCKER_OBJECT_IMAGE
_SIZE_SECONDS = 300.0
"""To measure containers, Docker walks through all their files."""


async def list_containers(call: Call, request: docker_pb2.ListContainersRequest) -> docker_pb2.ListContainersResponse:
    query = {"all": flag(request.all), "size": flag(request.size), "filters": filters(request.filters)}
    if request.limit:
        query["limit"] = str(request.limit)
    seconds = _SIZE_SECONDS if request.size else EngineRequest.seconds
    listed = await call.engine.ask(EngineRequest("GET", "/containers/json", query, seconds=seconds))
    return docker_pb2.ListContainersResponse(containers=[_container(item) for item in listed])


async def list_images(call: Call, request: docker_pb2.ListImagesRequest) -> docker_pb2.ListImagesResponse:
    wanted = [*request.filters]
    if request.reference:
        wanted.append(docker_pb2.DockerFilter(key="reference", values=[request.reference]))
    listed = await call.get("/images/json", all=flag(request.all), filters=filters(wanted), digests="1")
    newest = sorted(listed, key=lambda item: int(item["Created"]), reverse=True)
    return docker_pb2.ListImagesResponse(images=[_image(item) for item in newest])


async def inspect(call: Call, request: docker_pb2.InspectDockerRequest) -> docker_pb2.InspectDockerResponse:
    kind, found = await _found(call, request)
    told = found if call.admin else without_values(found)
    return docker_pb2.InspectDockerResponse(json=json.dumps(told, ensure_ascii=False).encode(), type=kind)


async def history(call: Call, request: docker_pb2.GetImageHistoryRequest) -> docker_pb2.GetImageHistoryResponse:
    layers = await call.get(f"{image_path(request.image)}/history")
    return docker_pb2.GetImageHistoryResponse(layers=[_layer(item, call.admin) for item in layers])


def filters(wanted: Iterable[docker_pb2.DockerFilter]) -> str:
    """As the Engine takes them: the values of one key together."""
    held: dict[str, list[str]] = {}
    for each in wanted:
        held.setdefault(each.key, []).extend(each.values)
    return json.dumps(held)


async def _found(call: Call, request: docker_pb2.InspectDockerRequest) -> tuple[docker_pb2.DockerObject.ValueType, Any]:
    if request.type == CONTAINER:
        return CONTAINER, await call.container(request.object)
    if request.type != IMAGE and is_container_name(request.object):
        try:
            return CONTAINER, await call.container(request.object)
        except RuntimeFailure as failure:
            if failure.status != 404:
                raise
    return IMAGE, await call.get(f"{image_path(request.object)}/json")


def _container(item: Mapping[str, Any]) -> docker_pb2.DockerContainer:
    labels = item.get("Labels") or {}
    return docker_pb2.DockerContainer(
        id=item["Id"],
        names=[name.removeprefix("/") for name in item.get("Names") or ()],
        image=item["Image"],
        image_id=item["ImageID"],
        command=item["Command"],
        created=item["Created"],
        state=item["State"],
        status=item["Status"],
        ports=[_port(port) for port in item.get("Ports") or ()],
        labels=labels,
        mounts=[mount.get("Name") or mount.get("Source", "") for mount in item.get("Mounts") or ()],
        networks=sorted((item.get("NetworkSettings") or {}).get("Networks") or ()),
        size_rw=item.get("SizeRw", 0),
        size_root_fs=item.get("SizeRootFs", 0),
        fairlead=part_of(labels),
    )


def _port(port: Mapping[str, Any]) -> docker_pb2.DockerPort:
    return docker_pb2.DockerPort(
        ip=port.get("IP", ""),
        public_port=port.get("PublicPort", 0),
        private_port=port["PrivatePort"],
        protocol=port["Type"],
    )


def _image(item: Mapping[str, Any]) -> docker_pb2.DockerImage:
    return docker_pb2.DockerImage(
        id=item["Id"],
        tags=_named(item.get("RepoTags")),
        digests=_named(item.get("RepoDigests")),
        created=int(item["Created"]),
        size=item["Size"],
        labels=item.get("Labels") or {},
    )


def _layer(item: Mapping[str, Any], admin: bool) -> docker_pb2.DockerImageLayer:
    return docker_pb2.DockerImageLayer(
        id=item["Id"],
        created=int(item["Created"]),
        created_by=item["CreatedBy"] if admin else instruction_without_values(item["CreatedBy"]),
        size=item["Size"],
        comment=item["Comment"],
        tags=item.get("Tags") or (),
    )


def _named(references: Iterable[str] | None) -> list[str]:
    """Old Engines write "<none>:<none>" where there is none."""
    return [reference for reference in references or () if not reference.startswith("<none>")]

"""The table of roles lists every method that there is, and nothing else gets through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from fairlead.agent.v1 import enrollment_pb2, session_pb2
from fairlead.api.v1 import (
    clusters_pb2,
    docker_pb2,
    events_pb2,
    fleet_pb2,
    images_pb2,
    nodes_pb2,
    operations_pb2,
    relays_pb2,
    snapshots_pb2,
)
from fairlead_controller.api.access import ROLES, check
from fairlead_controller.api.audit import CHANGING
from fairlead_wire.errors import Denied
from fairlead_wire.identity import Principal, Role

FILES: tuple[Any, ...] = (
    clusters_pb2,
    docker_pb2,
    events_pb2,
    fleet_pb2,
    images_pb2,
    nodes_pb2,
    operations_pb2,
    relays_pb2,
    snapshots_pb2,
    enrollment_pb2,
    session_pb2,
    health_pb2,
    reflection_pb2,
)
READS = ("Get", "List", "Watch")
OPERATORS_TOO = {"ValidateCluster", "PlanCluster", "CheckNodes", "FindMissingImages"}
# Parts of an upload that nobody sees until PutFleetImage, which leaves an event.
UPLOADING = {"FindMissingBlobs", "UploadBlob"}
DOCKER_READS = ("/InspectDocker", "/ReadLogs")


def methods() -> Iterator[str]:
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def test_every_method_is_in_the_table_and_nothing_else() -> None:
    assert set(ROLES) == set(methods())


@pytest.mark.parametrize("method", [name for name in methods() if ".api.v1." in name and "Docker" not in name])
def test_people_get_what_their_role_says(method: str) -> None:
    name = method.rpartition("/")[2]
    reads = name.startswith(READS) and name != "ListTokens"
    assert (Role.VIEWER in ROLES[method]) == reads
    assert (Role.OPERATOR in ROLES[method]) == (reads or name in OPERATORS_TOO | {"ListTokens"})
    assert Role.ADMIN in ROLES[method]
    assert Role.AGENT not in ROLES[method]


@pytest.mark.parametrize("method", [name for name in methods() if "/fairlead.api.v1.DockerService/" in name])
def test_docker_is_read_by_operators_and_changed_by_admins(method: str) -> None:
    assert ROLES[method] == ({Role.ADMIN} if method in CHANGING else {Role.OPERATOR, Role.ADMIN})


@pytest.mark.parametrize("method", [name for name in methods() if ".agent.v1." in name])
def test_agents_methods_are_for_agents_alone(method: str) -> None:
    assert ROLES[method] == (frozenset() if "Enrollment" in method else {Role.AGENT})


@pytest.mark.parametrize("role", list(Role))
def test_a_method_that_the_table_lacks_is_refused_to_everyone(role: Role) -> None:
    with pytest.raises(Denied, match="may not call Forgotten"):
        check("/fairlead.api.v1.ClusterService/Forgotten", Principal("anna", role))


def test_a_refusal_says_which_role_it_takes() -> None:
    with pytest.raises(Denied) as caught:
        check("/fairlead.api.v1.ClusterService/ApplyCluster", Principal("anna", Role.VIEWER))
    assert caught.value.message == "anna has the role viewer, which may not call ApplyCluster."
    assert "takes the role admin" in caught.value.next_step


def test_every_changing_method_leaves_an_event() -> None:
    reading = {
        name
        for name in methods()
        if name.rpartition("/")[2].startswith(READS) or name.endswith((*OPERATORS_TOO, *DOCKER_READS, *UPLOADING))
    }
    assert set(CHANGING) == {name for name in methods() if ".api.v1." in name} - reading

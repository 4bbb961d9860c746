"""What the node's own policy allows: every method at every level, whoever asks."""

from __future__ import annotations

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.docker_calls.table import HANDLERS
from fairlead_testing.people_engine import FILE, ScriptedEngine, called
from fairlead_wire.docker_calls import CHANGES
from fairlead_wire.errors import Denied

METHODS = pb.DESCRIPTOR.services_by_name["DockerService"].methods_by_name


def test_each_method_has_a_handler_and_a_kind() -> None:
    assert set(HANDLERS) == set(CHANGES) == set(METHODS)


@pytest.mark.parametrize("level", ["off", "read", "full"])
@pytest.mark.parametrize("method", sorted(CHANGES))
def test_levels(level: str, method: str) -> None:
    permission = Permission(level, FILE)
    if level == "full" or (level == "read" and not CHANGES[method]):
        permission.check(method)
        return
    with pytest.raises(Denied) as caught:
        permission.check(method)
    wanted = "full" if CHANGES[method] else "read"
    assert f'"docker" to "{wanted}" in {FILE}' in caught.value.next_step
    assert "docker restart fairlead-agent" in caught.value.next_step


@pytest.mark.parametrize("method", sorted(CHANGES))
async def test_what_is_refused_does_not_reach_docker(method: str) -> None:
    engine = ScriptedEngine()
    heard = await called(engine, method, getattr(pb, METHODS[method].input_type.name)(), level="off")
    assert heard.failure is not None
    assert heard.failure.code == "PERMISSION_DENIED"
    assert engine.asked == []


async def test_a_policy_that_can_not_be_read_allows_nothing() -> None:
    reason = "the policy can't be read"
    heard = await called(ScriptedEngine(), "ListImages", pb.ListImagesRequest(), level="off", broken=reason)
    assert heard.failure is not None
    assert reason in heard.failure.message


async def test_what_is_not_known_counts_as_a_change() -> None:
    heard = await called(ScriptedEngine(), "Explode", pb.ListImagesRequest(), level="read")
    assert heard.failure is not None
    assert heard.failure.code == "PERMISSION_DENIED"
    heard = await called(ScriptedEngine(), "Explode", pb.ListImagesRequest())
    assert heard.failure is not None
    assert (heard.failure.code, heard.failure.next_step) == (
        "INVALID_ARGUMENT",
        "Install an agent of the controller's version.",
    )

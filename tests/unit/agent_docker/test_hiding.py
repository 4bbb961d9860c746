"""Values of environment variables are for admins only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.docker_calls.hiding import instruction_without_values
from fairlead_testing.people_engine import Heard, ScriptedEngine, called

SECRET = "hunter2"
CONTAINER = {
    "Id": "57",
    "Config": {"Env": [f"PASSWORD={SECRET}", f"URL=a={SECRET}", "EMPTY=", "BARE"], "Cmd": ["serve"]},
    "State": {"Running": True},
}
IMAGE = {"Id": "sha256:57", "Config": {"Env": [f"A={SECRET}"]}, "ContainerConfig": {"Env": [f"A={SECRET}"]}}
ENGINE = ScriptedEngine({"GET /containers/shop/json": CONTAINER, "GET /images/shop:1/json": IMAGE})


async def inspected(name: str, admin: bool, **how: Any) -> Heard:
    return await called(ENGINE, "InspectDocker", pb.InspectDockerRequest(object=name, **how), admin=admin)


async def test_an_admin_sees_what_docker_says() -> None:
    (answer,) = (await inspected("shop", admin=True)).answers
    assert json.loads(answer.json) == CONTAINER
    assert answer.type == pb.DOCKER_OBJECT_CONTAINER


async def test_others_see_names() -> None:
    (answer,) = (await inspected("shop", admin=False)).answers
    told = json.loads(answer.json)
    assert told["Config"] == {"Env": ["PASSWORD=…", "URL=…", "EMPTY=", "BARE="], "Cmd": ["serve"]}
    assert told["State"] == CONTAINER["State"]


async def test_of_an_image_too() -> None:
    (answer,) = (await inspected("shop:1", admin=False)).answers
    assert answer.type == pb.DOCKER_OBJECT_IMAGE
    assert SECRET.encode() not in answer.json


async def test_what_is_neither() -> None:
    heard = await inspected("none", admin=True)
    assert heard.failure is not None
    assert heard.failure.code == "NOT_FOUND"
    heard = await inspected("shop", admin=True, type=pb.DOCKER_OBJECT_IMAGE)
    assert heard.failure is not None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/bin/sh -c #(nop)  ENV PASSWORD=hunter2", "/bin/sh -c #(nop)  ENV PASSWORD=…"),
        ("/bin/sh -c #(nop)  ENV A=hunter2 B=x=hunter2", "/bin/sh -c #(nop)  ENV A=…"),
        ("ENV PASSWORD=hunter2", "ENV PASSWORD=…"),
        ("ENV PASSWORD hunter2", "ENV …"),
        ("|1 TOKEN=hunter2 /bin/sh -c make all", "|1 TOKEN=… /bin/sh -c make all"),
        ("RUN |2 A=hunter2 B=hunter2 x /bin/sh -c make # buildkit", "RUN |2 A=… /bin/sh -c make # buildkit"),
        ('/bin/sh -c #(nop)  CMD ["serve"]', '/bin/sh -c #(nop)  CMD ["serve"]'),
        ("/bin/sh -c ENV=1 make", "/bin/sh -c ENV=1 make"),
    ],
)
def test_the_history_of_an_image(line: str, told: str) -> None:
    assert instruction_without_values(line) == told

"""`fairlead docker`, what changes something, against a running controller and agents whose Docker is a script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer, ready_node
from fairlead_testing.docker_agent import Calling, docker_agent
from fairlead_testing.docker_answers import NO_SUCH, Attached, frame, ran, told
from fairlead_wire.errors import Invalid, Missing, Refused
from fairlead_wire.identity import Role

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"
NO_IMAGE = Missing("No such image: shop:latest.", "Fetch it.")
OWN = Refused("The container fairlead-etcd is Fairlead's own etcd.", "Use --force.")
PROTECTED = {
    "StopContainer": docker_pb2.StopContainerResponse(),
    "RemoveContainer": docker_pb2.RemoveContainerResponse(),
}


def test_run_in_the_background(beside: ThreadedServer, docker: Run) -> None:
    created = docker_pb2.CreateContainerResponse(id=ID, warnings=["No swap limit."])
    agent = docker_agent(
        beside, "lab-1", {"CreateContainer": created, "StartContainer": docker_pb2.StartContainerResponse()}
    )
    flags = "-dit --rm --name web -e A=1 -v data:/d -p=80:8080 -l k=v -w /w -u 1:2 -h host -m 64m --cpus 1.5"
    said = docker(
        "run", *flags.split(), "--init", "--privileged=false", "shop:1", "serve", "-p", "9", "--rm=false", "--"
    )
    assert (said.code, said.out, said.err) == (0, f"{ID}\n", "WARNING: No swap limit.\n")
    assert agent.calls[0].first.container == docker_pb2.ContainerSpec(
        image="shop:1",
        name="web",
        command=["serve", "-p", "9", "--rm=false", "--"],
        environment=["A=1"],
        volumes=["data:/d"],
        ports=["80:8080"],
        labels={"k": "v"},
        working_directory="/w",
        user="1:2",
        hostname="host",
        terminal=True,
        stdin=True,
        detached=True,
        remove=True,
        memory=64 * 2**20,
        cpus=1.5,
        init=True,
    )
    assert agent.calls[1].first.container == ID


def test_run_shows_both_streams_and_ends_as_the_command_ends(beside: ThreadedServer, docker: Run) -> None:
    output = ran(Attached, frame(1, b"out\n")[:5], frame(1, b"out\n")[5:] + frame(2, b"err\xff\n"), code=7)
    agent = docker_agent(
        beside, "lab-1", {"CreateContainer": docker_pb2.CreateContainerResponse(id=ID), "AttachContainer": output}
    )
    said = docker("run", "shop")
    assert (said.code, said.out, said.err.encode(errors="surrogateescape")) == (7, "out\n", b"err\xef\xbf\xbd\n")
    target = agent.calls[-1].first.target
    assert (target.node, target.container, target.start, target.stdin) == ("nodes/lab-1", ID, True, False)


def test_an_image_that_is_not_there_is_pulled_first(beside: ThreadedServer, docker: Run) -> None:
    pulled: list[str] = []

    async def create(calling: Calling) -> None:
        if not pulled:
            pulled.append(calling.first.container.image)
            raise NO_IMAGE
        await calling.answer(docker_pb2.CreateContainerResponse(id=ID))

    pull = told({"status": "Pulling from library/shop", "id": "latest"}, {"status": "Status: Downloaded"})
    agent = docker_agent(
        beside, "lab-1", {"CreateContainer": create, "PullImage": pull, "AttachContainer": ran(Attached)}
    )
    said = docker("run", "shop")
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines() == [
        "Unable to find image 'shop:latest' locally",
        "latest: Pulling from library/shop",
        "Status: Downloaded",
    ]
    assert agent.calls[1].first.reference == "shop:latest"


def test_pull_never_and_always(beside: ThreadedServer, docker: Run) -> None:
    agent = docker_agent(
        beside, "lab-1", {"CreateContainer": NO_IMAGE, "PullImage": Missing("pull access denied.", "x")}
    )
    said = docker("run", "--pull", "never", "shop")
    assert (said.code, said.err) == (125, "Error: lab-1: No such image: shop:latest.\n  → Fetch it.\n")
    assert docker("run", "--pull=always", "shop").code == 125
    assert [call.method for call in agent.calls] == ["CreateContainer", "PullImage"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "nosuch": executable file not found in $PATH', 127),
        ('exec: "/etc": permission denied', 126),
        ("port is already allocated", 125),
    ],
)
def test_exit_codes_of_what_docker_refuses(beside: ThreadedServer, docker: Run, message: str, code: int) -> None:
    refused = Invalid(f"OCI runtime create failed: {message}.", "Check the command.")
    made = docker_pb2.CreateContainerResponse(id=ID)
    docker_agent(beside, "lab-1", {"CreateContainer": made, "AttachContainer": refused, "StartContainer": refused})
    assert docker("run", "shop", "nosuch").code == code
    said = docker("run", "-d", "shop", "nosuch")
    assert (said.code, said.out) == (code, f"{ID}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-m", "3x"), "'3x' is no size."),
        (("-v", "./x:/y"), "'./x' would be a path on the node"),
        (("--rm", "--restart", "always"), "a container that restarts can't be removed"),
        (("--restart", "sometimes"), "write no, always, unless-stopped or on-failure"),
        (("--mount", "type=bind,src=/a,dst=/b"), "--mount is not supported."),
        (("-it",), "The input device is not a TTY."),
        (("-e", "=x"), "'=x' has no variable's name"),
        (("--rm=perhaps",), ""),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(docker: Run, arguments: tuple[str, ...], told: str) -> None:
    said = docker("run", *arguments, "shop")
    assert said.code in (125, 1)
    assert told in said.err


def test_on_several_nodes_only_in_the_background(beside: ThreadedServer, docker: Run) -> None:
    made = {
        "CreateContainer": docker_pb2.CreateContainerResponse(id=ID),
        "StartContainer": docker_pb2.StartContainerResponse(),
    }
    docker_agent(beside, "lab-1", made)
    docker_agent(beside, "lab-2", {"CreateContainer": Refused("The name is already in use.", "Choose another.")})
    said = docker("run", "--all", "shop")
    assert (said.code, said.out) == (125, "")
    assert "can only run in the background" in said.err
    said = docker("run", "-d", "--all", "--name", "web", "shop")
    assert (said.code, said.out) == (125, f"lab-1  {ID}\n")
    assert said.err == "Error: lab-2: The name is already in use.\n  → Choose another.\n"
    found = json.loads(docker("run", "-d", "--all", "-o", "json", "shop").out)
    assert [(each["node"], each["result"], (each["error"] or {}).get("code")) for each in found] == [
        ("lab-1", ID, None),
        ("lab-2", None, "FAILED_PRECONDITION"),
    ]


def test_several_containers_on_several_nodes(beside: ThreadedServer, docker: Run) -> None:
    async def stop(calling: Calling) -> None:
        if calling.first.container == "none":
            raise NO_SUCH
        await calling.answer(docker_pb2.StopContainerResponse())

    first = docker_agent(beside, "lab-1", {"StopContainer": stop})
    docker_agent(beside, "lab-2", {"StopContainer": docker_pb2.StopContainerResponse()})
    beside.do(away(beside, "lab-3"))
    said = docker("stop", "--all", "-t", "3", "shop", "none", "cache")
    assert said.code == 1, said.err
    assert [line for line in said.err.splitlines() if line.startswith("Error")] == [
        "Error: The node lab-3 is not reachable now.",
        "Error: lab-1: No such container: none.",
    ]
    assert sorted(said.out.splitlines()) == [
        "lab-1  cache",
        "lab-1  shop",
        "lab-2  cache",
        "lab-2  none",
        "lab-2  shop",
    ]
    assert {call.first.seconds for call in first.calls} == {3}
    found = json.loads(docker("stop", "--node", "lab-1", "none", "shop", "-o", "json").out)
    assert [(each["container"], (each["error"] or {}).get("code")) for each in found] == [
        ("none", "NOT_FOUND"),
        ("shop", None),
    ]


def test_fairleads_own_are_forced_by_a_word_of_its_own(beside: ThreadedServer, docker: Run) -> None:
    async def remove(calling: Calling) -> None:
        if not calling.first.force:
            raise OWN
        await calling.answer(docker_pb2.RemoveContainerResponse())

    agent = docker_agent(beside, "lab-1", {"RemoveContainer": remove})
    assert docker("rm", "-fv", "fairlead-etcd").code == 1
    said = docker("rm", "-f", "--force", "fairlead-etcd")
    assert (said.code, said.out) == (0, "fairlead-etcd\n")
    assert [(call.first.kill, call.first.volumes, call.first.force) for call in agent.calls] == [
        (True, True, False),
        (True, False, True),
    ]


def test_commit_and_tag(beside: ThreadedServer, docker: Run) -> None:
    made = docker_pb2.CommitContainerResponse(id=f"sha256:{ID}")
    agents = [
        docker_agent(beside, name, {"CommitContainer": made, "TagImage": docker_pb2.TagImageResponse()})
        for name in ("lab-1", "lab-2")
    ]
    said = docker("commit", "--all", "-m", "why", "-a", "anna", "-c", "CMD a", "--pause=false", "shop", "shop:2")
    assert (said.code, said.out) == (0, f"lab-1  sha256:{ID}\nlab-2  sha256:{ID}\n")
    request = agents[1].calls[0].first
    assert (request.message, request.author, list(request.changes)) == ("why", "anna", ["CMD a"])
    assert (request.reference, request.no_pause) == ("shop:2", True)
    said = docker("tag", "--all", "shop:2", "shop:good")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_pull(beside: ThreadedServer, docker: Run) -> None:
    messages = told(
        {"status": "Pulling from library/shop", "id": "latest"},
        {"status": "Downloading", "id": "abc", "progressDetail": {"current": 1, "total": 2}},
        {"status": "Pull complete", "id": "abc", "progressDetail": {}},
        {"status": "Status: Downloaded newer image for shop:latest"},
    )
    docker_agent(beside, "lab-1", {"PullImage": messages})
    assert docker("pull", "shop").out.splitlines() == [
        "Using default tag: latest",
        "latest: Pulling from library/shop",
        "abc: Pull complete",
        "Status: Downloaded newer image for shop:latest",
        "docker.io/library/shop:latest",
    ]
    assert docker("pull", "-q", "reg.example.com:5000/shop@sha256:ab").out == "reg.example.com:5000/shop@sha256:ab\n"
    docker_agent(beside, "lab-2", {"PullImage": Missing("manifest unknown.", "Check it.")})
    said = docker("pull", "-q", "--all", "shop")
    assert (said.code, said.out) == (1, "lab-1  docker.io/library/shop:latest\n")
    assert said.err == "Error: lab-2: manifest unknown.\n  → Check it.\n"


async def away(beside: ThreadedServer, name: str) -> None:
    """A node whose agent has never come."""
    ready_node(beside.server, name)


def test_a_viewer_changes_nothing(beside: ThreadedServer, docker: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_agent(beside, "lab-1", {"StopContainer": docker_pb2.StopContainerResponse()})
    beside.context("eyes", Role.OPERATOR)
    monkeypatch.setenv("FAIRLEAD_CONTEXT", "eyes")
    said = docker("stop", "--node", "lab-1", "shop")
    assert said.code == 1
    assert "operator" in said.err

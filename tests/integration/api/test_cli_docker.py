"""`fairlead docker`, its reading half, against a running controller and agents whose Docker is a script."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from fairlead.api.v1 import docker_pb2
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.docker_agent import Calling, docker_agent, silent_node
from fairlead_wire.errors import Denied, Missing
from fairlead_wire.identity import Role

ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"
SHOP = docker_pb2.DockerContainer(
    id=ID, names=["shop"], image="shop:1", command="serve --port 8080", state="running", status="Up 5 minutes"
)
KUBELET = docker_pb2.DockerContainer(
    id=ID[::-1], names=["fairlead-kubelet"], image="kubelet:1", status="Up 1 hour", fairlead="kubelet"
)
IMAGE = docker_pb2.DockerImage(id=f"sha256:{ID}", tags=["shop:1"], size=88_400_000)
NO_SUCH = Missing("No such container: none.", "See `fairlead docker ps -a`.")


def containers(*found: docker_pb2.DockerContainer) -> docker_pb2.ListContainersResponse:
    return docker_pb2.ListContainersResponse(containers=found)


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def said_by(fairlead: Run, *arguments: str) -> tuple[int, str, str]:
    said = fairlead("docker", *arguments)
    return said.code, said.out, said.err


def log(*blocks: bytes, terminal: bool = False) -> list[docker_pb2.ReadLogsResponse]:
    head = docker_pb2.ReadLogsResponse(terminal=terminal)
    return [head, *(docker_pb2.ReadLogsResponse(data=block) for block in blocks)]


def test_the_only_node_needs_no_name(beside: ThreadedServer, fairlead: Run) -> None:
    agent = docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    said = fairlead("docker", "ps", "-a", "-f", "status=exited", "-f", "status=dead", "-n", "3")
    assert said.code == 0
    assert said.out.splitlines()[0].split() == [
        "CONTAINER",
        "ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ]
    assert said.out.splitlines()[1].startswith("57b15d62ea13   shop:1    ")
    [call] = agent.calls
    assert (call.caller, call.admin, call.first.all, call.first.limit) == ("anna", True, True, 3)
    assert list(call.first.filters) == [docker_pb2.DockerFilter(key="status", values=["exited", "dead"])]


def test_several_nodes_have_a_column_and_fairleads_own_are_marked(beside: ThreadedServer, fairlead: Run) -> None:
    docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    docker_agent(beside, "long-name-2", {"ListContainers": containers(KUBELET)})
    said = fairlead("docker", "ps", "--all").out.splitlines()
    assert [line.split()[0] for line in said] == ["NODE", "lab-1", "long-name-2"]
    assert said[0].endswith("PORTS     FAIRLEAD   NAMES")
    assert said[2].endswith("kubelet    fairlead-kubelet")
    assert fairlead("docker", "ps", "--all", "-q").out == f"lab-1 {ID[:12]}\nlong-name-2 {ID[::-1][:12]}\n"
    assert fairlead("docker", "ps", "--all", "--format", "{{.Names}}@{{.Node}}").out.splitlines()[0] == "shop@lab-1"
    found = json.loads(fairlead("docker", "ps", "--node", "lab-1", "--node", "long-name-2", "-o", "json").out)
    assert [entry["node"] for entry in found] == ["lab-1", "long-name-2"]
    assert found[1]["containers"][0]["fairlead"] == "kubelet"
    assert found[1]["error"] is None


def test_which_node_must_be_clear(beside: ThreadedServer, fairlead: Run) -> None:
    for name in ("lab-1", "lab-2"):
        docker_agent(beside, name, {"ListContainers": containers(SHOP)})
    said = fairlead("docker", "ps")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "Error: The fleet has 2 nodes, and the command says not which.\n"
        "  → Add --node NAME, --cluster NAME or --all; see `fairlead node ls`.\n"
    )
    assert fairlead("docker", "ps", "--node", "x").err == "Error: There is no node 'x'.\n  → See `fairlead node ls`.\n"
    both = fairlead("docker", "ps", "--node", "x", "--node", "lab-1").err
    assert both == "Error: There is no node 'x'.\n  → See `fairlead node ls`.\n"
    assert "exclude each other" in fairlead("docker", "ps", "--node", "lab-1", "--cluster", "lab").err
    assert "exclude each other" in fairlead("docker", "logs", "--node", "lab-1", "--all", "x").err


def test_all_with_a_node_is_dockers_own(beside: ThreadedServer, fairlead: Run) -> None:
    agent = docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    for words in (["--all", "--node", "lab-1"], ["--all"], ["-a"]):
        assert fairlead("docker", "ps", *words).code == 0
    assert [call.first.all for call in agent.calls] == [True, False, True]


def test_an_empty_fleet(beside: ThreadedServer, fairlead: Run) -> None:
    assert fairlead("docker", "ps").err == "Error: The fleet has no nodes.\n  → See `fairlead node ls`.\n"


def test_a_dead_node_is_told_and_delays_nobody(beside: ThreadedServer, fairlead: Run) -> None:
    docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    silent_node(beside, "lab-2")
    begun = time.monotonic()
    said = fairlead("docker", "ps", "--all", "-q")
    assert time.monotonic() - begun < 5
    assert (said.code, said.out) == (1, f"lab-1 {ID[:12]}\n"), said.err
    assert said.err.startswith("Error: The node lab-2 is not reachable now.\n  → ")
    found = json.loads(fairlead("docker", "ps", "--all", "-o", "json").out)
    assert found[0]["error"] is None
    assert (found[1]["containers"], found[1]["error"]["code"]) == (None, "UNAVAILABLE")


def test_a_slow_node_comes_later(beside: ThreadedServer, fairlead: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asyncio.Event()

    async def slowly(calling: Calling) -> None:
        await seen.wait()
        await calling.answer(containers(KUBELET))

    async def at_once(calling: Calling) -> None:
        await calling.answer(containers(SHOP))
        asyncio.get_running_loop().call_later(0.5, seen.set)

    monkeypatch.setattr("fairlead_cli.docker.fanout.GRACE_SECONDS", 0.1)
    docker_agent(beside, "lab-1", {"ListContainers": slowly})
    docker_agent(beside, "lab-2", {"ListContainers": at_once})
    said = fairlead("docker", "ps", "--all", "--format", "table {{.Names}}")
    assert said.out == "NODE      NAMES\nlab-2     shop\nlab-1     fairlead-kubelet\n"


def test_images(beside: ThreadedServer, fairlead: Run) -> None:
    agent = docker_agent(beside, "lab-1", {"ListImages": docker_pb2.ListImagesResponse(images=[IMAGE])})
    said = fairlead("docker", "images", "shop:1", "--format", "{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}} {{.Size}}")
    assert said.out == "shop 1 <none> 57b15d62ea13 88.4MB\n"
    assert agent.calls[0].first.reference == "shop:1"
    assert fairlead("docker", "images", "-q", "--no-trunc").out == f"sha256:{ID}\n"


def test_history(beside: ThreadedServer, fairlead: Run) -> None:
    layers = [
        docker_pb2.DockerImageLayer(id=f"sha256:{ID}", created=1767225600, created_by="/bin/sh -c\tmake", size=1500),
        docker_pb2.DockerImageLayer(id="<missing>", created=1767225600, comment="base"),
    ]
    docker_agent(beside, "lab-1", {"GetImageHistory": docker_pb2.GetImageHistoryResponse(layers=layers)})
    form = ("--format", "{{.ID}} {{.CreatedBy}} {{.Size}} {{.Comment}}")
    assert (
        fairlead("docker", "history", *form, "shop:1").out
        == "57b15d62ea13 /bin/sh -c make 1.5kB \n<missing>  0B base\n"
    )
    plain = fairlead("docker", "history", "-H=false", "shop:1").out
    assert plain.startswith("IMAGE          CREATED AT             CREATED BY")
    assert "2026-01-01T" in plain


def test_inspect(beside: ThreadedServer, fairlead: Run) -> None:
    async def look(calling: Calling) -> None:
        if calling.first.object == "none":
            raise Missing("No such object: none.", "See `fairlead docker ps -a`.")
        value = b'{"Id":"57","State":{"Running":true},"Config":{"Labels":{"a.b":"c"}},"Empty":{}}'
        await calling.answer(docker_pb2.InspectDockerResponse(json=value))

    agent = docker_agent(beside, "lab-1", {"InspectDocker": look})
    said = fairlead("docker", "inspect", "shop").out
    assert said.startswith(
        '[\n    {\n        "Id": "57",\n        "State": {\n            "Running": true\n        },\n'
    )
    assert said.endswith('        "Empty": {}\n    }\n]\n')
    form = '{{.ID}} {{.State.Running}} {{index .Config.Labels "a.b"}}{{if .State.Health}}!{{end}}'
    assert fairlead("docker", "inspect", "-f", form, "--type", "container", "shop").out == "57 true c\n"
    assert agent.calls[-1].first.type == docker_pb2.DOCKER_OBJECT_CONTAINER
    partly = fairlead("docker", "inspect", "-f", "{{.Id}}", "shop", "none")
    assert (partly.code, partly.out) == (1, "57\n")
    assert partly.err == "Error: lab-1: No such object: none.\n  → See `fairlead docker ps -a`.\n"
    alone = fairlead("docker", "inspect", "none")
    assert (alone.code, alone.out, alone.err) == (1, "[]\n", partly.err)

    docker_agent(beside, "lab-2", {"InspectDocker": look})
    assert [each["Node"] for each in json.loads(fairlead("docker", "inspect", "--all", "shop").out)] == [
        "lab-1",
        "lab-2",
    ]
    assert fairlead("docker", "inspect", "--all", "-f", "{{.Id}}", "shop").out == "lab-1  57\nlab-2  57\n"
    found = json.loads(fairlead("docker", "inspect", "--all", "-o", "json", "shop").out)
    assert (found[1]["node"], found[1]["objects"][0]["Id"], found[1]["error"]) == ("lab-2", "57", None)


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("{{.Foo}}", "there is no Foo; there are Command, "),
        ("{{.ID", "an action has no end"),
        ("{{sprig .ID}}", "there is no function sprig; there are and, "),
    ],
)
def test_a_template_that_can_not_be(beside: ThreadedServer, fairlead: Run, form: str, what: str) -> None:
    docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    said = fairlead("docker", "ps", "--format", form)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"Error: The template can't be used: {what}")


def test_logs_keep_stdout_and_stderr_apart(beside: ThreadedServer, fairlead: Run) -> None:
    whole = frame(1, b"out\n") + frame(2, b"err\n") + frame(1, b"more\n\x00\x1b")
    agent = docker_agent(beside, "lab-1", {"ReadLogs": log(whole[:5], whole[5:20], whole[20:])})
    assert said_by(fairlead, "logs", "--tail", "10", "--since", "1700000000", "-t", "shop") == (
        0,
        "out\nmore\n\x00\x1b",
        "err\n",
    )
    asked = agent.calls[0].first
    assert (asked.container, asked.tail, asked.since, asked.until, asked.timestamps) == ("shop", 10, 1.7e9, 0, True)
    agent.answers["ReadLogs"] = log(b"plain\r\n", terminal=True)
    assert said_by(fairlead, "logs", "shop") == (0, "plain\r\n", "")


def test_logs_of_several_nodes(beside: ThreadedServer, fairlead: Run) -> None:
    docker_agent(beside, "lab-1", {"ReadLogs": log(frame(1, b"a\nb"), frame(2, b"oh\n"), frame(1, b"c\n"))})
    docker_agent(beside, "lab-20", {"ReadLogs": Missing("No such container: shop.", "See `fairlead docker ps -a`.")})
    code, out, err = said_by(fairlead, "logs", "--all", "shop")
    assert (code, out) == (1, "lab-1   a\nlab-1   bc\n")
    assert sorted(err.splitlines()) == [
        "  → See `fairlead docker ps -a`.",
        "Error: lab-20: No such container: shop.",
        "lab-1   oh",
    ]
    found = said_by(fairlead, "logs", "--all", "-o", "json", "shop")[1].splitlines()
    assert sorted((json.loads(line)["stream"], json.loads(line)["line"]) for line in found) == [
        ("stderr", "oh"),
        ("stdout", "a"),
        ("stdout", "bc"),
    ]


def test_a_node_that_goes_away_in_the_middle_of_a_log(beside: ThreadedServer, fairlead: Run) -> None:
    async def break_off(calling: Calling) -> None:
        for answer in log(frame(1, b"so far\n")):
            await calling.answer(answer)
        raise RuntimeError

    docker_agent(beside, "lab-1", {"ReadLogs": break_off})
    code, out, err = said_by(fairlead, "logs", "shop")
    assert (code, out) == (1, "so far\n")
    assert err.startswith("Error: The node lab-1 went away in the middle of the call.\n  → ")


def test_stats(beside: ThreadedServer, fairlead: Run) -> None:
    used = docker_pb2.DockerStats(
        id=ID, name="shop", cpu=1.255, memory=12_488_540, memory_limit=2**34, network_in=34_700_000, pids=8
    )
    agent = docker_agent(beside, "lab-1", {"WatchStats": [docker_pb2.WatchStatsResponse(stats=[used])]})
    said = fairlead("docker", "stats", "--no-stream", "shop").out
    assert said.splitlines() == [
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       BLOCK I/O   PIDS",
        "57b15d62ea13   shop      125.50%   11.91MiB / 16GiB    0.07%     34.7MB / 0B   0B / 0B     8",
    ]
    assert (list(agent.calls[0].first.containers), agent.calls[0].first.once) == (["shop"], True)
    assert "\x1b" not in fairlead("docker", "stats").out
    found = json.loads(fairlead("docker", "stats", "--no-stream", "-o", "json").out)
    assert (found[0]["node"], found[0]["stats"][0]["pids"]) == ("lab-1", 8)


def test_events(beside: ThreadedServer, fairlead: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    event = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": ID, "Attributes": {"name": "shop", "exitCode": "1"}},
        "time": 1767225600,
        "timeNano": 1767225600000000012,
    }
    text = json.dumps(event).encode() + b"\n"
    blocks = [docker_pb2.WatchDockerEventsResponse(data=part) for part in (text[:30], text[30:] + text[:5], text[5:])]
    docker_agent(beside, "lab-1", {"WatchDockerEvents": blocks})
    line = f"2026-01-01T00:00:00.000000012Z container die {ID} (exitCode=1, name=shop)\n"
    assert fairlead("docker", "events", "--since", "1h", "--until", "0s").out == line * 2
    assert fairlead("docker", "events", "--format", "{{.Action}} {{.Actor.Attributes.name}}").out == "die shop\n" * 2
    assert json.loads(fairlead("docker", "events", "-o", "json").out.splitlines()[0]) == {
        "node": "lab-1",
        "event": event,
    }
    docker_agent(beside, "lab-2", {"WatchDockerEvents": blocks})
    said = fairlead("docker", "events", "--all", "--format", "{{.Action}}").out.splitlines()
    assert sorted(said) == ["lab-1  die"] * 2 + ["lab-2  die"] * 2


def test_what_the_node_forbids_names_the_node(beside: ThreadedServer, fairlead: Run) -> None:
    refusal = Denied("Docker calls are off here.", "Set docker: read in the agent's settings.")
    docker_agent(beside, "lab-1", {"ListContainers": refusal})
    said = fairlead("docker", "ps")
    assert said.err == "Error: lab-1: Docker calls are off here.\n  → Set docker: read in the agent's settings.\n"


def test_a_viewer_may_not(beside: ThreadedServer, fairlead: Run) -> None:
    docker_agent(beside, "lab-1", {"ListContainers": containers(SHOP)})
    beside.context("eyes", Role.VIEWER)
    said = fairlead("--context", "eyes", "docker", "ps")
    assert said.code == 1
    assert "anna has the role viewer, which may not call ListContainers." in said.err
    beside.context("hands", Role.OPERATOR)
    assert fairlead("--context", "hands", "docker", "ps", "-q").out == f"{ID[:12]}\n"


@pytest.mark.parametrize("command", [("docker",), ("docker", "--help")])
def test_help_lists_all_commands(fairlead: Run, command: tuple[str, ...]) -> None:
    said = fairlead(*command)
    assert said.code == 0
    for name in (
        "ps",
        "images",
        "inspect",
        "history",
        "logs",
        "stats",
        "events",
        "run",
        "exec",
        "build",
        "pull",
        "tag",
    ):
        assert f"\n  {name} " in said.out

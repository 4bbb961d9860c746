"""`fairlead docker`, its reading half, on a lab of two servers: each command beside `docker` on the same server."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from fairlead_cli.lab import front
from fairlead_cli.lab.processes import Result

from .conftest import RunningLab

# A lab of its own, for what is compared in `tests/integration/api` on one Engine as well.
pytestmark = pytest.mark.long

NAME = "read-me"
IMAGE = "fairlead/kubelet:v1.37.2"
OURS = "ps -a --filter name=^read-me$"
SCRIPT = "echo out; echo err >&2; echo more; exec sleep 3600"


@pytest.fixture(scope="module")
def read_me(docker_lab: RunningLab) -> Iterator[str]:
    """A container on both servers that wrote something; its image is one that every server has."""
    for node in docker_lab.lab.nodes:
        docker_lab.on_server(
            f"docker rm -f {NAME} 2>/dev/null; docker run -d --name {NAME} --label kind=read -p 127.0.0.1::80 "
            f"-v read-me-data:/data --entrypoint sh {IMAGE} -c '{SCRIPT}'",
            node=node,
        )
    yield NAME
    for node in docker_lab.lab.nodes:
        docker_lab.on_server(f"docker rm -fv {NAME}; docker volume rm read-me-data", node=node)


def timeless(text: str) -> list[list[str]]:
    """Cells of a table, without the times in words that move on while one looks."""
    moving = r"(\d+ (second|minute|hour)s?|About an? (minute|hour)|Less than a second)( ago)?"
    return [re.split(r" {2,}", re.sub(moving, "N", line)) for line in text.splitlines()]


def same(lab: RunningLab, command: str, node: str = "") -> str:
    """Asserts that the server's own `docker` says the same; returns what was said."""
    node = node or lab.node
    words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", command)]
    theirs = lab.on_server(f"docker {command}", node=node)
    ours = lab.fairlead("docker", words[0], "--node", node, *words[1:])
    our, their = timeless(ours.output), timeless(theirs)
    if words[0] == "images":  # those of one moment come in any order
        our, their = sorted(our), sorted(their)
    assert (ours.code, our) == (0, their), ours.errors
    return ours.output


@pytest.mark.usefixtures("read_me")
@pytest.mark.parametrize(
    "command",
    [
        OURS,
        f"{OURS} -q",
        f"{OURS} --no-trunc",
        f"{OURS} -s",
        f"{OURS} --format 'table {{{{.Names}}}}\\t{{{{.Mounts}}}}\\t{{{{.Networks}}}}'",
        "ps -n 1 --format '{{.ID}}'",
        "ps --filter name=fairlead-kubelet --format '{{.ID}} {{.Image}} {{.Command}} {{.State}} {{.Ports}} {{.Names}}'",
        "images",
        "images --no-trunc -q fairlead/kubelet",
        "images --digests --filter reference=fairlead/*",
        "history fairlead/kubelet:v1.37.2",
        "history --no-trunc -q fairlead/kubelet:v1.37.2",
        f"inspect {NAME}",
        f"inspect -f '{{{{.State.Status}}}} {{{{json .Config.Labels}}}} {{{{.Config.Cmd}}}}' {NAME} fairlead-kubelet",
        f"inspect -f '{{{{range $p, $to := .NetworkSettings.Ports}}}}{{{{$p}}}}{{{{len $to}}}}{{{{end}}}}' {NAME}",
        "inspect --type image -f '{{.Id}} {{.RepoTags}} {{.Architecture}}' fairlead/kubelet:v1.37.2",
        f"logs {NAME}",
        f"logs --tail 1 {NAME}",
        f"logs -t --since 24h {NAME}",
        f"events --since 24h --until 1s --filter container={NAME}",
    ],
)
def test_a_command_beside_dockers(docker_lab: RunningLab, command: str) -> None:
    for node in docker_lab.lab.nodes:
        same(docker_lab, command, node)


@pytest.mark.usefixtures("read_me")
def test_streams_stay_apart(docker_lab: RunningLab) -> None:
    said = docker_lab.fairlead("docker", "logs", "--node", docker_lab.node, NAME)
    assert (said.output, said.errors) == ("out\nmore\n", "err\n")


@pytest.mark.usefixtures("read_me")
def test_both_nodes_at_once(docker_lab: RunningLab) -> None:
    nodes = docker_lab.lab.nodes
    listed = docker_lab.fairlead("docker", "ps", "--all", "-f", f"name=^{NAME}$").output.splitlines()
    assert [line.split()[0] for line in listed] == ["NODE", *nodes]
    logs = docker_lab.fairlead("docker", "logs", "--cluster", docker_lab.lab.name, NAME).output
    assert sorted(logs.splitlines()) == sorted(f"{node}  {word}" for node in nodes for word in ("out", "more"))
    found = json.loads(docker_lab.fairlead("docker", "images", "--all", "-o", "json").output)
    assert [entry["node"] for entry in found] == nodes
    assert all(IMAGE in [tag for image in entry["images"] for tag in image["tags"]] for entry in found)


def test_fairleads_own_are_marked(docker_lab: RunningLab) -> None:
    listed = docker_lab.fairlead("docker", "ps", "--node", docker_lab.node).output
    assert re.search(r"PORTS +FAIRLEAD +NAMES$", listed.splitlines()[0])
    assert re.search(r" kubelet +fairlead-kubelet$", listed, re.MULTILINE)
    assert re.search(r" agent +fairlead-agent$", listed, re.MULTILINE)


@pytest.mark.usefixtures("read_me")
def test_stats(docker_lab: RunningLab) -> None:
    said = docker_lab.fairlead("docker", "stats", "--all", "--no-stream", NAME).output.splitlines()
    assert said[0].split()[:3] == ["NODE", "CONTAINER", "ID"]
    for line, node in zip(said[1:], docker_lab.lab.nodes, strict=True):
        assert re.match(rf"{node} +[0-9a-f]{{12}} +{NAME} +\d+\.\d\d% +\d.*iB / \d.*iB +\d", line)


def test_a_log_is_followed_as_it_is_written(docker_lab: RunningLab) -> None:
    node, name = docker_lab.node, "read-me-now"
    script = "echo one; while [ ! -e /go ]; do sleep 0.1; done; echo two; exec sleep 3600"
    start = f"docker run -d --name {name} --entrypoint sh {IMAGE} -c '{script}'"
    docker_lab.on_server(f"docker rm -f {name} 2>/dev/null; {start}")
    line = [str(front.command("fairlead")), "--context", "docker", "docker", "logs", "-f", "--node", node, name]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as following:
        try:
            assert following.stdout is not None
            assert following.stdout.readline() == "one\n"
            docker_lab.on_server(f"docker exec {name} sh -c ': > /go'")
            begun = time.monotonic()
            assert following.stdout.readline() == "two\n"
            assert time.monotonic() - begun < 5
        finally:
            following.kill()
            docker_lab.on_server(f"docker rm -f {name}")


def test_a_missing_container_is_told(docker_lab: RunningLab) -> None:
    said: Result = docker_lab.fairlead("docker", "logs", "--node", docker_lab.node, "none")
    assert said.code == 1
    assert re.match(rf"Error: {docker_lab.node}: .*none.*\n  → ", said.errors)

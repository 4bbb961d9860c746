"""`fairlead docker`, its changing half, on a lab of two servers: beside `docker` on the same servers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.lab import front
from fairlead_cli.lab.processes import Result
from fairlead_testing.typed_terminal import terminal

from .conftest import RunningLab

# A lab of its own, for what is compared in `tests/integration/api` on one Engine as well.
pytestmark = pytest.mark.long

IMAGE = "fairlead/kubelet:v1.37.2"
NAME = "change-me"
LASTING = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done"
SHELL = ("--entrypoint", "sh", IMAGE)


@pytest.fixture(autouse=True)
def clean(docker_lab: RunningLab) -> Iterator[None]:
    """What a test made is away before and after it."""
    script = (
        f"docker rm -fv $(docker ps -aqf name=^{NAME}) 2>/dev/null;"
        f" docker rmi -f $(docker images -q '{NAME}*' | sort -u) 2>/dev/null; true"
    )
    for node in docker_lab.lab.nodes:
        docker_lab.on_server(script, node=node)
    yield
    for node in docker_lab.lab.nodes:
        docker_lab.on_server(script, node=node)


def here(lab: RunningLab, verb: str, *words: str) -> Result:
    """On the first server."""
    return lab.fairlead("docker", verb, "--node", lab.node, *words)


def looked(lab: RunningLab, format: str, name: str = NAME, node: str = "") -> str:
    """What the server's own `docker inspect` says."""
    return lab.on_server(f"docker inspect -f '{format}' {name}", node=node).strip()


def test_run_ends_as_its_command(docker_lab: RunningLab) -> None:
    script = "echo out; echo err >&2; exit 7"
    said = here(docker_lab, "run", "--rm", *SHELL, "-c", script)
    assert (said.code, said.output, said.errors) == (7, "out\n", "err\n")
    assert here(docker_lab, "run", "--rm", "--entrypoint", "nosuch", IMAGE).code == 127
    assert here(docker_lab, "run", "--rm", "--entrypoint", "/etc", IMAGE).code == 126
    assert here(docker_lab, "run", "--rm", "nosuch.invalid/image").code == 125


def test_from_run_to_rm_on_both_nodes(docker_lab: RunningLab) -> None:
    nodes = docker_lab.lab.nodes
    everywhere = [f"{node}  {NAME}" for node in nodes]

    def said(*words: str) -> list[str]:
        done = docker_lab.fairlead("docker", *words)
        assert done.ok, done.errors
        return sorted(done.output.splitlines())

    made = said("run", "-d", "--all", "--name", NAME, "-e", "A=1", *SHELL, "-c", LASTING)
    for line, node in zip(made, nodes, strict=True):
        assert line == f"{node}  {looked(docker_lab, '{{.Id}}', node=node)}"
    assert said("exec", "--all", NAME, "sh", "-c", "echo $A") == [f"{node}  1" for node in nodes]
    assert said("stop", "--all", NAME) == everywhere
    for node in nodes:
        assert looked(docker_lab, "{{.State.Status}} {{.State.ExitCode}}", node=node) == "exited 9"
    assert said("start", "--all", NAME) == everywhere
    assert said("restart", "--all", "-t", "1", NAME) == everywhere
    assert [line.split()[0] for line in said("ps", "--all", "-f", f"name=^{NAME}$")[1:]] == nodes
    docker_lab.on_server(f"docker rm -f {NAME}", node=nodes[1])
    partly = docker_lab.fairlead("docker", "rm", "-f", "--all", NAME)
    assert (partly.code, partly.output) == (1, f"{nodes[0]}  {NAME}\n")
    assert re.match(rf"Error: {nodes[1]}: No such container", partly.errors)


def test_commit_and_tag(docker_lab: RunningLab) -> None:
    assert here(docker_lab, "run", "--name", NAME, *SHELL, "-c", "echo changed >/file").ok
    change = 'ENTRYPOINT ["cat", "/file"]'
    made = here(docker_lab, "commit", "-m", "why", "-c", change, "--no-pause", NAME, f"{NAME}:one")
    assert made.output.strip() == looked(docker_lab, "{{.Id}}", f"{NAME}:one")
    assert here(docker_lab, "tag", f"{NAME}:one", f"{NAME}:two").ok
    assert docker_lab.on_server(f"docker run --rm {NAME}:two") == "changed\n"
    assert here(docker_lab, "run", "--rm", f"{NAME}:two").output == "changed\n"


def test_build_on_both_nodes(docker_lab: RunningLab, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f'FROM {IMAGE}\nARG A\nRUN echo "is $A" >/file\nCOPY . /c/\nENTRYPOINT []\n')
    (tmp_path / ".dockerignore").write_text("big\n")
    (tmp_path / "big").write_bytes(bytes(5_000_000))
    (tmp_path / "small").write_text("small\n")
    said = docker_lab.fairlead(
        "docker", "build", "--all", "-t", NAME, "--build-arg", "A=it", str(tmp_path), timeout=300
    )
    assert said.code == 0, said.errors
    for node in docker_lab.lab.nodes:
        assert f'{node}  Step 3/5 : RUN echo "is $A" >/file' in said.output.splitlines()
        assert (
            docker_lab.on_server(f"docker run --rm {NAME} sh -c 'cat /file; cd /c; echo *'", node=node)
            == "is it\nDockerfile small\n"
        )
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 3\n")
    failed = here(docker_lab, "build", str(tmp_path))
    assert failed.code == 1
    assert "returned a non-zero code: 3" in failed.errors


def test_a_terminal(docker_lab: RunningLab) -> None:
    command = (str(front.command("fairlead")), "--context", docker_lab.lab.name, "docker")
    there = ("--node", docker_lab.node)
    with terminal(*command, "run", "-it", *there, "--name", NAME, *SHELL, rows=33, columns=99) as person:
        person.sees(b"# ")
        person.types(b"stty size\r")
        person.sees(b"33 99\r\n")
        person.types(b"cat\r")
        person.sees(b"cat\r\n")
        person.types(b"\x03")
        person.sees(b"^C")
        person.resizes(44, 111)
        person.types(b"until [ \"$(stty size)\" = '44 111' ]; do sleep 0.1; done; echo si''zed\r")
        person.sees(b"sized\r\n")
        person.types(b"\x10\x11")
        assert person.ends()[0] == 0
    assert looked(docker_lab, "{{.State.Status}}") == "running"
    with terminal(*command, "exec", "-it", *there, NAME, "sh") as person:
        person.sees(b"# ")
        person.types(b"exit 6\r")
        assert person.ends()[0] == 6
    with terminal(*command, "attach", *there, NAME) as person:
        person.types(b"exit 5\r")
        assert person.ends()[0] == 5


def test_what_is_piped_comes_back_whole(docker_lab: RunningLab) -> None:
    assert here(docker_lab, "run", "-d", "--name", NAME, *SHELL, "-c", LASTING).ok
    line = [str(front.command("fairlead")), "--context", docker_lab.lab.name, "docker", "exec", "-i"]
    sent = bytes(range(256)) * 40_000
    done = subprocess.run(
        [*line, "--node", docker_lab.node, NAME, "cat"], input=sent, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout == sent, done.stderr) == (0, True, b"")


def test_fairleads_own_are_protected(docker_lab: RunningLab) -> None:
    """Forced all the same, it is stopped, recorded, and brought back by the agent."""
    own = "fairlead-coredns"
    for words in (("stop", own), ("restart", own), ("rm", "-f", own)):
        refused = here(docker_lab, *words)
        assert refused.code == 1
        assert "Fairlead's own coredns" in refused.errors
        assert "--force" in refused.errors
    assert here(docker_lab, "restart", "--force", "-t", "1", own).ok
    events = json.loads(docker_lab.fairlead("events", "-n", "50", "-o", "json").output)
    assert "Asked to restart the container fairlead-coredns by force." in [event["message"] for event in events]

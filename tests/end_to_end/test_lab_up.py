"""`fairlead lab up` again, the walk, the lab without its controller, and `fairlead lab down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fairlead_cli.lab import controller_process, machine, network, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.wait import until

from .conftest import CONTROL_PLANE, EVERYWHERE, RunningLab, lab_command

AGAIN_SECONDS = 20.0  # "takes seconds": a dozen looks at what is there already


def identities(lab: RunningLab) -> set[tuple[str, str]]:
    """Every running container, here and on the servers, with the time of its start; what ended may be cleared away."""
    here = json.loads(outer.docker("inspect", *outer.names("container", lab.lab.label)))
    there = [one for node in lab.lab.nodes for one in lab.containers(node)]
    every = [one for one in [*here, *there] if one["State"]["Running"]]
    return {(one["Id"], one["State"]["StartedAt"]) for one in every}


def test_a_second_run_changes_nothing_and_takes_seconds(lab: RunningLab) -> None:
    before, begin = identities(lab), time.monotonic()
    done = lab_command("up")
    seconds = time.monotonic() - begin
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("  ✓")] == []
    assert identities(lab) == before
    assert seconds < AGAIN_SECONDS


def test_it_ends_with_three_commands_that_work(lab: RunningLab) -> None:
    told = lab_command("up").stdout
    commands = [line.strip() for line in told.partition("Try next:\n")[2].splitlines() if line.startswith("  ")]
    assert len(commands) == 3
    for command in commands:
        once = command.removesuffix(" --watch")
        done = subprocess.run(["bash", "-c", once], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{once}: {done.stderr}"
    lab.kubectl("delete", "pod", "nginx-test", "--timeout=60s", timeout=70)


def test_the_walk_of_a_user(lab: RunningLab) -> None:
    done = lab_command("walk", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nginx-test" not in lab.kubectl("get", "pods", "--output=name")


def test_status_says_that_all_is_well(lab: RunningLab) -> None:
    done = lab_command("status", "-o", "json", timeout=60)
    lines = json.loads(done.stdout)
    assert done.returncode == 0
    assert [line for line in lines if not line["well"]] == []
    assert {"server lab-1", "server lab-2", "server lab-3"} <= {line["what"] for line in lines}


def test_without_the_controller_a_lost_component_comes_back(lab: RunningLab) -> None:
    before = lab.component("kube-scheduler")["Id"]
    assert controller_process.stop(lab.lab)
    try:
        lab.on_server(f"docker rm -f {before}")
        until(
            lambda: [one for one in running_ids(lab, "kube-scheduler") if one != before],
            what="the agent brings kube-scheduler back",
            timeout=60,
            advice=lambda: "",
        )
        assert lab.kubectl("get", "--raw", "/readyz") == "ok"
    finally:
        assert lab_command("up").returncode == 0
    assert lab_command("status", timeout=60).returncode == 0


def running_ids(lab: RunningLab, component: str) -> list[str]:
    """The ids of a component's running containers."""
    return lab.on_server(f"docker ps -q --no-trunc --filter label=fairlead.component={component}").split()


def test_after_a_power_cut_the_same_command_brings_everything_back(lab: RunningLab) -> None:
    process = controller_process.process(lab.lab)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    outer.docker("kill", *lab.lab.nodes, lab.lab.registry)
    done = lab_command("up", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    walked = lab_command("walk", timeout=600)
    assert walked.returncode == 0, walked.stdout + walked.stderr


def leftovers() -> dict[str, set[str]]:
    """All that a lab could leave behind on this machine."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True, timeout=20).stdout
    return {
        "containers": set(outer.docker("ps", "--all", "--quiet").split()),
        "networks": set(outer.docker("network", "ls", "--quiet").split()),
        "volumes": set(outer.docker("volume", "ls", "--quiet").split()),
        "interfaces": {path.name for path in Path("/sys/class/net").iterdir()},
        "mounts": {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()},
        "rules": {line for line in rules.splitlines() if line.startswith("-A")},
        "chains": {line.split()[0] for line in rules.splitlines() if line.startswith(":")},
        "control groups": {str(path) for path in Path("/sys/fs/cgroup").glob("*/docker/*") if path.is_dir()},
        "processes": {path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if is_ours(path)},
        "state": {str(path) for path in (machine.state_home() / "labs").glob("[a-z]*")},
        "contexts": {str(path) for path in Lab("spare").context.parent.glob("*")},
    }


def is_ours(command_line: Path) -> bool:
    """Whether a process is a controller of a lab."""
    try:
        return b"fairlead-controller" in command_line.read_bytes()
    except OSError:
        return False


def test_down_leaves_nothing_behind_and_another_lab_alone(lab: RunningLab) -> None:
    lab_command("down", "--name", "spare", timeout=200)
    before, running = leftovers(), identities(lab)
    up, spare = lab_command("up", "--name", "spare", "--servers", "1"), RunningLab(Lab("spare", 1))
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert network.addresses(spare.lab).range != network.addresses(lab.lab).range
        assert spare.kubectl("get", "nodes", "--output=name").split() == ["node/spare-1"]
        assert spare.components("spare-1") == sorted((*CONTROL_PLANE, *EVERYWHERE))
        assert "spare-2" not in lab_command("up", "--name", "spare").stdout  # it stays as large as it is
    finally:
        down = lab_command("down", "--name", "spare", timeout=200)
    assert down.returncode == 0, down.stderr
    assert {kind: left - before[kind] for kind, left in leftovers().items() if left - before[kind]} == {}
    assert identities(lab) == running


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--servers", "2"), "has 3 servers"),
        (("--servers", "99"), "1 to 20 servers"),
        (("--control-planes", "3"), "one control plane, not 3"),
    ],
)
def test_a_size_that_cannot_be_had_is_refused_in_a_sentence(lab: RunningLab, words: tuple[str, ...], told: str) -> None:
    done = lab_command("up", *words, timeout=60)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_down_of_a_lab_that_is_not_there_says_so() -> None:
    done = lab_command("down", "--name", "none", timeout=60)
    assert done.returncode == 0
    assert "nothing to remove" in done.stdout

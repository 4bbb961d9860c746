"""Preflight on a real server: a lab's node is fit, and what is taken away from it is told."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from fairlead_cli.lab import front

from .conftest import RunningLab

# What a server in a container can't have: a cgroup v2 and a kernel of its own, and a disk that nobody else uses.
EXPECTED = {"cgroups", "etcd-disk", "forwarding", "inotify"}


def node_check(lab: RunningLab, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of `fairlead node check` and what it found."""
    program = str(front.command("fairlead"))
    line = [program, "--context", lab.lab.name, "node", "check", *words, "-o", "json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_node_of_the_lab_is_fit_for_kubernetes(lab: RunningLab) -> None:
    code, [found] = node_check(lab, lab.node)
    assert found["role"] == "control-plane"
    assert [each for each in found["findings"] if each["severity"] == "error"] == []
    assert {each["check"] for each in found["findings"]} <= EXPECTED
    assert code == 0
    assert abs(found["clock_offset_seconds"]) < 1, "containers share the host's clock"


def test_what_somebody_else_left_on_the_server_is_told_with_its_cure(lab: RunningLab) -> None:
    kubeconfig, network = "/etc/kubernetes/foreign.conf", "/etc/cni/net.d/99-foreign.conflist"
    lab.on_server(f"touch {kubeconfig} {network}")
    try:
        code, [found] = node_check(lab, lab.node)
    finally:
        lab.on_server(f"rm -f {kubeconfig} {network}")
    assert code == 1
    told = {each["severity"]: each for each in found["findings"] if each["check"] == "leftovers"}
    assert kubeconfig in told["error"]["reason"]
    assert network in told["warning"]["reason"]
    assert "Move them away" in told["error"]["cure"]
    assert node_check(lab, lab.node)[0] == 0

"""What people do with a pod: exec, logs, cp, port-forward, with plain kubectl."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_cli.lab import kubectl

from .conftest import RunningLab


def test_exec_gives_the_programs_output_and_its_exit_code(lab: RunningLab, pod: str) -> None:
    assert lab.kubectl("exec", pod, "--", "sh", "-c", "echo inside; cat /etc/hostname").split() == ["inside", pod]
    assert lab.kubectl.attempt("exec", pod, "--", "sh", "-c", "exit 7").code == 7


def test_exec_reads_standard_input(lab: RunningLab, pod: str) -> None:
    assert lab.kubectl("exec", "-i", pod, "--", "wc", "-c", stdin="twelve bytes").strip() == "12"


def test_logs_show_what_the_program_wrote(lab: RunningLab, pod: str) -> None:
    lab.kubectl("exec", pod, "--", "sh", "-c", "echo seen-in-the-log > /proc/1/fd/1")
    assert "seen-in-the-log" in lab.kubectl("logs", pod)


def test_cp_takes_a_file_in_and_out(lab: RunningLab, pod: str, tmp_path: Path) -> None:
    content = os.urandom(1 << 20)
    (tmp_path / "in").write_bytes(content)
    lab.kubectl("cp", str(tmp_path / "in"), f"{pod}:/srv/file")
    lab.kubectl("cp", f"{pod}:/srv/file", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == content


@contextmanager
def forwarded(lab: RunningLab, pod: str) -> Iterator[str]:
    """A local address that leads to the pod's port 80."""
    words = [str(kubectl.program()), "port-forward", f"pod/{pod}", ":80"]
    env = {**os.environ, "KUBECONFIG": str(lab.lab.kubeconfig)}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def test_port_forward_leads_to_the_pod(lab: RunningLab, pod: str) -> None:
    with (
        forwarded(lab, pod) as address,
        urllib.request.urlopen(f"http://{address}/", timeout=20) as answer,
    ):
        assert b"Welcome to nginx!" in answer.read()


@pytest.mark.parametrize("path", ["pods", "deployments.apps", "nodes"])
def test_the_kubeconfig_is_an_administrators(lab: RunningLab, path: str) -> None:
    assert lab.kubectl("auth", "can-i", "delete", path, "--all-namespaces").strip() == "yes"

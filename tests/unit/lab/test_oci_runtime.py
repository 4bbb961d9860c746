"""The OCI runtime of machines without CAP_SYS_RESOURCE: what it takes out of a specification, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).resolve().parents[3] / "deploy" / "lab" / "oci-runtime"
MOST_FILES = 512
LIMITED = f'ulimit -n {MOST_FILES} && exec "$0" "$@"'  # a machine that allows so many open files

PROCESS: dict[str, Any] = {
    "args": ["sh", "-c", 'echo "CAP_SYS_RESOURCE", "oomScoreAdj":-5'],
    "capabilities": {
        "bounding": ["CAP_SYS_RESOURCE", "CAP_CHOWN"],
        "effective": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"],
        "ambient": ["CAP_SYS_RESOURCE"],
        "permitted": ["CAP_KILL"],
    },
    "oomScoreAdj": -999,
}


def as_docker_writes(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def limit(kind: str, hard: int, soft: int) -> dict[str, Any]:
    return {"type": kind, "hard": hard, "soft": soft}


@pytest.fixture
def runc(tmp_path: Path) -> Path:
    """A runc that notes how it was called."""
    program = tmp_path / "bin" / "runc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\n')
    program.chmod(0o755)
    return program


def call(runc: Path, *words: str) -> list[str]:
    """Calls the runtime; what runc was called with."""
    path = f"{runc.parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", LIMITED, RUNTIME, *words], check=True, timeout=20, env={"PATH": path})
    return (runc.parent.parent / "called").read_text().splitlines()


def ease_bundle(runc: Path, process: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a process when its container is created."""
    bundle = runc.parent.parent / "bundle"
    bundle.mkdir()
    config = bundle / "config.json"
    config.write_text(as_docker_writes({"ociVersion": "1.0.2", "process": process, "root": {"path": "rootfs"}}))
    call(runc, "--root", "/run/x", "--log", "create", "create", "--bundle", str(bundle), "exec")
    eased: dict[str, Any] = json.loads(config.read_text())
    assert eased["root"] == {"path": "rootfs"}
    return dict(eased["process"])


def test_a_container_loses_only_the_capability_that_the_machine_lacks(runc: Path) -> None:
    capabilities = ease_bundle(runc, PROCESS)["capabilities"]
    assert capabilities == {
        "bounding": ["CAP_CHOWN"],
        "effective": ["CAP_CHOWN", "CAP_KILL"],
        "ambient": [],
        "permitted": ["CAP_KILL"],
    }


def test_what_a_user_wrote_is_left_as_it_is(runc: Path) -> None:
    assert ease_bundle(runc, PROCESS)["args"] == PROCESS["args"]


@pytest.mark.parametrize(("wanted", "given"), [(-999, 0), (-1, 0), (0, 0), (500, 500)])
def test_an_oom_score_is_not_lowered(runc: Path, wanted: int, given: int) -> None:
    assert ease_bundle(runc, {"args": [], "oomScoreAdj": wanted})["oomScoreAdj"] == given


def test_limits_of_open_files_keep_to_what_the_machine_allows(runc: Path) -> None:
    limits = [
        limit("RLIMIT_NOFILE", 2**64 - 1, 256),
        limit("RLIMIT_NOFILE", MOST_FILES + 1, MOST_FILES + 1),
        limit("RLIMIT_NOFILE", 128, 128),
        limit("RLIMIT_CORE", 2**64 - 1, 2**64 - 1),
    ]
    assert ease_bundle(runc, {"args": [], "rlimits": limits})["rlimits"] == [
        limit("RLIMIT_NOFILE", MOST_FILES, 256),
        limit("RLIMIT_NOFILE", MOST_FILES, MOST_FILES),
        limit("RLIMIT_NOFILE", 128, 128),
        limit("RLIMIT_CORE", 2**64 - 1, 2**64 - 1),
    ]


def test_an_exec_is_eased_too(runc: Path, tmp_path: Path) -> None:
    process = tmp_path / "process.json"
    process.write_text(as_docker_writes(PROCESS))
    call(runc, "--log-format", "json", "exec", f"--process={process}", "--detach", "create")
    assert json.loads(process.read_text())["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_KILL"]


@pytest.mark.parametrize(
    "words", [("--root", "/run/x", "state", "one two"), ("delete", "--force", "it"), ("exec", "it", "sh")]
)
def test_every_call_reaches_runc_word_for_word(runc: Path, words: tuple[str, ...]) -> None:
    assert call(runc, *words) == list(words)

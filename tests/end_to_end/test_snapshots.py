"""A snapshot of etcd, and the manual restore exactly as docs/recovery.md has it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_cli.lab import front
from fairlead_cli.lab.wait import until

from .conftest import RunningLab

PAGE = Path(__file__).parents[2] / "docs" / "recovery.md"


def restore_steps(snapshot: str) -> str:
    """The shell lines of the chapter on the restore, with this snapshot's name in the first."""
    chapter = PAGE.read_text(encoding="utf-8").partition("## Restore etcd by hand")[2]
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", chapter, re.MULTILINE | re.DOTALL)
    assert blocks[0].strip().startswith("SNAPSHOT=")
    return "\n".join(["set -e", f"SNAPSHOT={snapshot}", *blocks[1:]])


def snapshot(lab: RunningLab, *words: str) -> Any:
    return front.fairlead_json(lab.lab, "snapshot", *words, timeout=120)


@pytest.fixture
def kept(lab: RunningLab) -> Iterator[str]:
    """The name of a ConfigMap, gone before and after."""
    name = "kept-in-the-snapshot"
    lab.kubectl("delete", "configmap", name, "after-the-snapshot", "--ignore-not-found")
    yield name
    lab.kubectl("delete", "configmap", name, "after-the-snapshot", "--ignore-not-found")


def test_a_snapshot_is_listed_and_exported_whole(lab: RunningLab, tmp_path: Path) -> None:
    made = snapshot(lab, "create", lab.lab.name)
    listed = snapshot(lab, "ls", lab.lab.name)
    assert made in listed["snapshots"]
    assert listed["unreachable_nodes"] == []
    name, out = made["name"].rpartition("/")[2], tmp_path / "copy.db"
    front.fairlead(lab.lab, "snapshot", "export", name, "--out", str(out))
    assert hashlib.sha256(out.read_bytes()).hexdigest() == made["sha256"]
    assert out.stat().st_size == made["size_bytes"]
    assert out.stat().st_mode & 0o777 == 0o600
    assert lab.on_server(f"sha256sum {made['path']}").split()[0] == made["sha256"]
    assert lab.on_server(f"stat -c %a {made['path']}").strip() == "600"


def test_what_is_no_snapshot_is_not_exported(lab: RunningLab, tmp_path: Path) -> None:
    for name in (f"{lab.lab.name}-20200101-000000", "..%2Fdata", "data"):
        tried = front.try_fairlead(lab.lab, "snapshot", "export", name, "--out", str(tmp_path / "x"))
        assert not tried.ok
        assert "There is no snapshot" in tried.errors
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("pod")
def test_the_documented_restore_brings_a_deleted_object_back(lab: RunningLab, kept: str) -> None:
    lab.kubectl("create", "configmap", kept, "--from-literal=key=value")
    made = snapshot(lab, "create", lab.lab.name)
    lab.kubectl("delete", "configmap", kept)
    lab.kubectl("create", "configmap", "after-the-snapshot")
    before = pod_container(lab)
    name = made["name"].rpartition("/")[2]
    lab.on_server(restore_steps(name), timeout=180)
    until(
        lambda: lab.kubectl.attempt("get", "--raw", "/readyz").ok and reachable(lab),
        what="the apiserver and the agent are back",
        timeout=120,
        advice=lambda: lab.on_server("docker ps -a"),
    )
    assert lab.get("configmap", kept)["data"] == {"key": "value"}
    assert not lab.kubectl.attempt("get", "configmap", "after-the-snapshot").ok
    assert pod_container(lab) == before, "running pods go on"
    lab.on_server(f"rm -r /var/lib/etcd/data.before-{name}")
    until(
        lambda: all(line["well"] for line in json.loads(status(lab))),
        what="the lab is well",
        timeout=90,
        advice=lambda: status(lab),
    )


def pod_container(lab: RunningLab) -> tuple[str, str]:
    """Identifier and start of the container of the pod of the tests."""
    label = "label=io.kubernetes"
    find = f"docker ps -q --filter {label}.pod.name=tested --filter {label}.docker.type=container"
    for node in lab.lab.nodes:
        if identity := lab.on_server(find, node=node).strip():
            [found] = json.loads(lab.on_server(f"docker inspect {identity}", node=node))
            return found["Id"], found["State"]["StartedAt"]
    raise AssertionError("the pod of the tests has no container")


def reachable(lab: RunningLab) -> bool:
    nodes = front.fairlead_json(lab.lab, "node", "ls")
    return all(node["state"] == "reachable" for node in nodes)


def status(lab: RunningLab) -> str:
    from .conftest import lab_command

    return lab_command("status", "--name", lab.lab.name, "-o", "json", timeout=60).stdout

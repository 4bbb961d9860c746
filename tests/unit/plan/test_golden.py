"""The whole assignment of a one-server cluster, as text that a person can read and review.

After a change that is meant: UPDATE_GOLDEN=1 .venv/bin/pytest tests/unit/plan/test_golden.py, then look at the diff.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead_testing.planning import World, cluster, node, one_server
from fairlead_wire.assignment import Assignment

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


def one() -> Mapping[str, str]:
    return documents(one_server().held["id-lab-1"])


def modern_worker() -> Mapping[str, str]:
    """A worker with cgroup v2, systemd, a newer Engine and iptables, in a cluster of two."""
    facts: dict[str, Any] = {
        "docker_api": "1.50",
        "docker_root": "/data/docker",
        "cgroup_version": 2,
        "cgroup_driver": "systemd",
        "resolv_conf": "/run/systemd/resolve/resolv.conf",
        "conntrack_writable": True,
        "nftables": False,
    }
    world = World((node(1), node(2, **facts)), cluster(workers={}, dns={"forward": ["/etc/resolv.conf", "9.9.9.9"]}))
    world.run()
    return documents(world.held["id-lab-2"])


CASES = {"one_server": one, "modern_worker": modern_worker}


@pytest.mark.parametrize("case", CASES)
def test_assignment_is_as_reviewed(case: str) -> None:
    folder, found = GOLDEN / case, CASES[case]()
    if UPDATE:
        remake(folder, found)
    expected = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(expected), "the set of tasks, files and objects changed (see the head of this file)"
    for name, text in found.items():
        assert text.splitlines() == expected[name].splitlines(), f"{case}/{name} changed (see the head of this file)"


def remake(folder: Path, found: Mapping[str, str]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for name, text in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def documents(assignment: Assignment) -> dict[str, str]:
    """File name in the golden folder → text: tasks in full, files by content, secrets by name only."""
    texts = {f"tasks/{task.component}.yaml": dump(without_defaults(asdict(task))) for task in assignment.tasks}
    for file in assignment.files:
        if not file.secret:
            texts[f"files{file.path}"] = file.content.decode()
    texts["files.yaml"] = dump({file.path: f"{file.mode:04o}" for file in assignment.files})
    texts["certificates.yaml"] = dump({each.path: subject(asdict(each)) for each in assignment.certificates})
    if assignment.objects:
        texts["objects.yaml"] = dump(
            {spec.name: {"path": spec.path, "manifest": json.loads(spec.manifest)} for spec in assignment.objects}
        )
    return texts


def without_defaults(value: Any) -> Any:
    """Without what is empty, so that the rest can be read."""
    if isinstance(value, Mapping):
        inner = {name: without_defaults(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each not in ("", [], {}, 0, False, None)}
    if isinstance(value, list | tuple):
        return [without_defaults(each) for each in value]
    return getattr(value, "value", value)


def subject(certificate: dict[str, Any]) -> Any:
    return without_defaults({name: value for name, value in certificate.items() if name != "path"})


def dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=1000)

"""The controller's database lost and restored from a backup that is older than what the server runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_cli.lab import controller_process, front, network
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.spec import spec_for
from fairlead_cli.lab.wait import until

from .conftest import RunningLab

SCHEDULER = '  components: {kube-scheduler: {args: {v: "1"}}}\n'


def controller(lab: RunningLab, *words: str) -> None:
    controller_process.call(*words, "--data", str(lab.lab.controller_data))


def start(lab: RunningLab) -> None:
    controller_process.start(lab.lab, network.addresses(lab.lab))


def fleet(lab: RunningLab) -> Any:
    return front.fairlead_json(lab.lab, "fleet", "show")


def moves(lab: RunningLab, spec: Path) -> list[dict[str, Any]]:
    """What applying the spec would do."""
    planned = front.try_fairlead(lab.lab, "plan", "-f", str(spec), "-o", "json")
    found: list[dict[str, Any]] = json.loads(planned.output)["moves"]
    return found


def running(lab: RunningLab) -> set[tuple[str, str, str]]:
    """Every running container of all servers but the agents': name, identifier and start."""
    return {
        (one["Name"], one["Id"], one["State"]["StartedAt"])
        for node in lab.lab.nodes
        for one in lab.containers(node)
        if one["State"]["Running"] and one["Name"] != "/fairlead-agent"
    }


@pytest.fixture
def newer(lab: RunningLab, tmp_path: Path) -> Iterator[Path]:
    """The lab's spec with another argument of the scheduler and another zone; undone at the end."""
    original = spec_for(lab.lab)
    folder = tmp_path / "spec"
    (folder / "zones").mkdir(parents=True)
    (folder / "cluster.yaml").write_text(original.read_text() + SCHEDULER)
    for zone in (original.parent / "zones").iterdir():
        (folder / "zones" / zone.name).write_text(zone.read_text() + "new  IN A   192.0.2.81\n")
    yield folder / "cluster.yaml"
    if controller_process.process(lab.lab) is None:
        start(lab)
    front.fairlead(lab.lab, "fleet", "confirm", "--yes")
    front.fairlead(lab.lab, "apply", "-f", str(original), timeout=300)


@pytest.mark.usefixtures("pod")
def test_a_restored_controller_observes_then_takes_over_and_nothing_is_restarted(
    lab: RunningLab, newer: Path, tmp_path: Path
) -> None:
    backup, before = tmp_path / "backup.db", fleet(lab)
    controller(lab, "backup", "--out", str(backup))
    front.fairlead(lab.lab, "apply", "-f", str(newer), timeout=300)
    there = running(lab)

    assert controller_process.stop(lab.lab)
    controller(lab, "restore", "--from", str(backup))
    start(lab)
    until(
        lambda: len([node for node in fleet(lab)["ahead_nodes"] if node["told"]]) == len(lab.lab.nodes),
        what="all agents have told what they hold",
        timeout=60,
        advice=lambda: json.dumps(fleet(lab)),
    )
    restored = fleet(lab)
    assert restored["generation"] == before["generation"] + 1
    assert restored["restore_time"]
    ahead = {node["node"].rpartition("/")[2]: node for node in restored["ahead_nodes"]}
    assert all(node["held_revision"] > node["stored_revision"] for node in ahead.values())
    assert {"kube-scheduler", "files"} <= set(ahead[lab.node]["differences"])

    [replacement] = [move for move in moves(lab, spec_for(lab.lab)) if move["action"] == "replace"]
    assert replacement["component"] == "kube-scheduler"
    assert "fairlead fleet confirm" in replacement["waits_for"]
    assert [move for move in moves(lab, newer) if move["action"] != "configure"] == []
    front.fairlead(lab.lab, "apply", "-f", str(newer), "--no-wait")
    assert running(lab) == there

    confirmed = front.fairlead(lab.lab, "fleet", "confirm", "--yes")
    assert "Taken over with what they hold" in confirmed
    front.fairlead(lab.lab, "apply", "-f", str(newer), timeout=120)  # follows it to its end
    assert running(lab) == there
    after = fleet(lab)
    assert (after["restore_time"], after["ahead_nodes"]) == (None, [])
    assert after["generation"] == restored["generation"]
    kinds = [event["kind"] for event in events(lab)]
    assert {"database-restored", "node-ahead", "fleet-confirmed"} <= set(kinds)


def test_restore_refuses_while_the_controller_runs(lab: RunningLab, tmp_path: Path) -> None:
    controller(lab, "backup", "--out", str(tmp_path / "backup.db"))
    with pytest.raises(LabError, match="Stop it first"):
        controller(lab, "restore", "--from", str(tmp_path / "backup.db"))
    assert fleet(lab)["restore_time"] is None


def events(lab: RunningLab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = front.fairlead_json(lab.lab, "events")
    return found

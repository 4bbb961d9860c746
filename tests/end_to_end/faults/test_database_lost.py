"""The controller's database is empty, or an older one: nothing is removed anywhere, and it asks before it commands."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.lab import controller_process, front, network
from fairlead_testing.fault_lab import FaultLab, Runs, ids


def differing(before: Runs, after: Runs) -> set[str]:
    """The components whose container is another one."""
    return {name for name in before if ids(after).get(name) != before[name].id}


@pytest.fixture
def empty(lab: FaultLab, before: Runs, tmp_path: Path) -> Iterator[str]:
    """A controller that was made anew at the same address; the right one is back at the end. Since when, by the server:
    the agent says only once what it has met, and may do so while the controller is still being waited for."""
    paths, since = (lab.lab.controller_data, lab.lab.context, lab.lab.initialised), lab.server_time()
    lab.stop_controller()
    for number, path in enumerate(paths):
        subprocess.run(["mv", str(path), str(tmp_path / str(number))], check=True, timeout=60)
    try:
        controller_process.initialise(lab.lab, network.addresses(lab.lab))
        lab.start_controller()
        yield since
    finally:
        lab.stop_controller()
        for number, path in enumerate(paths):
            subprocess.run(["rm", "-rf", str(path)], check=True, timeout=60)
            subprocess.run(["mv", str(tmp_path / str(number)), str(path)], check=True, timeout=60)
        lab.start_controller()


def test_under_an_empty_database_everything_runs_on(lab: FaultLab, before: Runs, empty: str) -> None:
    since = empty
    met = f"docker logs --since {since} fairlead-agent 2>&1 | grep -q 'is not the controller of this agent'"
    lab.until(lambda: lab.holds(met), "the agent has met the wrong controller, and says so")
    assert lab.fairlead("node", "ls", "-o", "json").strip() == "[]"
    assert lab.runs() == before
    lab.on_server("docker rm -f fairlead-flannel")
    after = lab.until_runs(lambda runs: runs["flannel"].id != before["flannel"].id, "flannel is back")
    assert {name for name in before if after[name] != before[name]} == {"flannel"}
    assert lab.created_since(since) == ["flannel"]
    assert lab.kubectl("get", "--raw", "/readyz") == "ok"


def controller_command(*words: str | Path) -> None:
    """A `fairlead-controller` command on the controller's own machine."""
    program = front.command("fairlead-controller")
    subprocess.run([str(program), *(str(word) for word in words)], check=True, timeout=60, capture_output=True)


@pytest.fixture
def restored(lab: FaultLab, before: Runs, tmp_path: Path) -> Iterator[Runs]:
    """What runs, under a database from before the last change: kube-scheduler is a newer one than it knows."""
    backup = tmp_path / "backup.db"
    controller_command("backup", "--data", lab.lab.controller_data, "--out", backup)
    assert lab.apply(lab.changed_spec).ok
    changed = lab.until_well()
    assert differing(before, changed) == {"kube-scheduler"}
    lab.stop_controller()
    controller_command("restore", "--data", lab.lab.controller_data, "--from", backup)
    lab.start_controller()
    yield changed
    lab.fairlead("fleet", "confirm", "--yes")


def test_a_restored_database_only_observes_until_an_admin_confirms(lab: FaultLab, restored: Runs) -> None:
    newest = lab.newest_event()
    shown = lab.until(lambda: ahead(lab), "the agent has told what it holds")
    assert shown["differences"] == ["kube-scheduler"]
    assert [event["kind"] for event in lab.events() if event["kind"] == "node-ahead"]
    assert lab.runs() == restored

    # A spec that is applied is kept, and waits; what is lost comes back as the agent knows it.
    assert lab.apply(lab.spec.replace("[/etc/resolv.conf]", "[192.0.2.53]"), "--no-wait").ok
    lab.on_server("docker rm -f fairlead-coredns")
    after = lab.until_runs(lambda runs: runs["coredns"].id != restored["coredns"].id, "coredns is back")
    assert differing(restored, after) == {"coredns"}
    assert lab.holds("! grep -q 192.0.2.53 /etc/kubernetes/coredns/Corefile")
    assert not [event for event in lab.events(newest) if event["kind"] == "move-begun"]

    assert lab.apply(lab.spec, "--no-wait").ok
    lab.fairlead("fleet", "confirm", "--yes")
    lab.until(lambda: lab.runs().get("kube-scheduler") != after["kube-scheduler"], "the spec is carried out")
    assert differing(after, lab.until_well()) == {"kube-scheduler"}


def ahead(lab: FaultLab) -> dict[str, object] | None:
    """What the controller tells of a node that knows more than its database, once the agent has answered."""
    fleet = json.loads(lab.fairlead("fleet", "show", "-o", "json"))
    assert fleet["restore_time"]
    return next((node for node in fleet["ahead_nodes"] if node["told"]), None)

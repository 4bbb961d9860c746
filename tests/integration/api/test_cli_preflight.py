"""`fairlead node check`, and what plan and apply say of servers that would join."""

from __future__ import annotations

import json
from pathlib import Path

from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.preflight import inspection
from fairlead_wire.inspection import Listener

BUSY = inspection(
    hostname="lab-1",
    listeners=(Listener("tcp", "0.0.0.0", 6443, "nginx (process 7)"),),
    live_restore=False,
)
SAID = """\
lab-1 as control-plane: 1 error, 1 warning
  error    ports         nginx (process 7) holds tcp port 6443 (0.0.0.0), which kube-apiserver needs.
                         → Stop nginx (process 7), or give it another port.
  warning  live-restore  Docker's live-restore is off, so a restart of Docker stops every pod on this node.
                         → Set "live-restore": true in /etc/docker/daemon.json, then `systemctl reload docker`.
"""


def test_each_finding_with_its_reason_and_cure(beside: ThreadedServer, fairlead: Run) -> None:
    beside.agent("lab-1", inspection=BUSY)
    said = fairlead("node", "check")
    assert (said.code, said.err) == (1, "")
    assert said.out == SAID
    [found] = json.loads(fairlead("node", "check", "lab-1", "-o", "json").out)
    assert (found["node"], found["role"]) == ("nodes/lab-1", "control-plane")
    assert [(one["check"], one["severity"]) for one in found["findings"]] == [
        ("ports", "error"),
        ("live-restore", "warning"),
    ]


def test_warnings_alone_are_no_failure(beside: ThreadedServer, fairlead: Run) -> None:
    beside.agent("lab-1", inspection=BUSY)
    said = fairlead("node", "check", "lab-1", "--role", "worker")
    assert said.code == 0
    assert said.out.startswith("lab-1 as worker: 1 warning\n")


def test_all_is_well(beside: ThreadedServer, fairlead: Run) -> None:
    beside.agent("lab-1")
    said = fairlead("node", "check")
    assert (said.code, said.out) == (0, "lab-1 as control-plane: all is well\n")


def test_a_node_that_there_is_not_and_a_fleet_without_any(fairlead: Run) -> None:
    assert fairlead("node", "check").out.startswith("There is no node yet: `fairlead token create`")
    gone = fairlead("node", "check", "none")
    assert (gone.code, gone.err) == (1, "Error: There is no node 'none'.\n  → See `fairlead node ls`.\n")


def test_from_a_plan_to_a_cure_to_a_cluster(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    agent = beside.agent("lab-1", inspection=BUSY)
    planned = fairlead("plan", "-f", "cluster.yaml")
    assert planned.code == 2
    assert "On servers that would join: 1 error, 1 warning.\n  error    ports         nginx" in planned.out
    assert "\nOnce the errors are cured, to carry out exactly this:\n" in planned.out
    line = planned.out.rstrip().splitlines()[-1].split()[1:]

    refused = fairlead(*line)
    assert refused.code == 1
    assert refused.err.splitlines()[0].endswith("would not work on the servers as they are; nothing was changed.")
    assert "  lab-1: [ports] nginx (process 7) holds tcp port 6443" in refused.err
    assert "with `--skip-check ports`." in refused.err
    assert fairlead("cluster", "ls").out.startswith("There is no cluster yet")

    agent.inspection = inspection(hostname="lab-1", live_restore=False)
    applied = fairlead(*line)
    assert applied.code == 0, applied
    assert applied.err.startswith("warning  live-restore  Docker's live-restore is off")


def test_taking_responsibility(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    beside.agent("lab-1", inspection=BUSY)
    wrong = fairlead("apply", "-f", "cluster.yaml", "--skip-check", "port")
    assert (wrong.code, wrong.err.splitlines()[0]) == (1, "Error: There is no check called port.")
    assert fairlead("apply", "-f", "cluster.yaml", "--skip-check", "ports").code == 0
    assert "Applied in spite of failed checks: ports on lab-1" in fairlead("events").out

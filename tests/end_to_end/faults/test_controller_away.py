"""With the controller away everything runs on and is kept as it was; nothing new begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_testing.fault_lab import FaultLab, Runs

ZONE = "/etc/kubernetes/coredns/zones/example.internal.zone"


@pytest.fixture
def alone(lab: FaultLab, before: Runs) -> Iterator[Runs]:
    """Everything well, and then the controller stopped."""
    lab.stop_controller()
    try:
        yield before
    finally:
        lab.start_controller()


def test_what_is_lost_comes_back_and_what_runs_runs_on(lab: FaultLab, alone: Runs) -> None:
    content = lab.on_server(f"cat {ZONE}")
    lab.on_server(f"docker rm -f fairlead-kube-scheduler; echo edited > {ZONE}")
    after = lab.until_runs(lambda runs: runs["kube-scheduler"].id != alone["kube-scheduler"].id, "it is back")
    lab.until(lambda: lab.on_server(f"cat {ZONE}") == content, f"{ZONE} is as it was")
    assert {name for name in alone if after[name] != alone[name]} == {"kube-scheduler"}
    assert lab.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_crashed_component_and_a_restarted_agent_come_back(lab: FaultLab, alone: Runs) -> None:
    lab.on_server("docker restart fairlead-agent && docker kill --signal KILL fairlead-flannel")
    after = lab.until_runs(lambda runs: runs["flannel"].started != alone["flannel"].started, "flannel runs again")
    assert {name for name in alone if after[name] != alone[name]} == {"flannel"}


def test_what_happened_meanwhile_is_told_after_its_return(lab: FaultLab, before: Runs) -> None:
    newest, since = lab.newest_event(), lab.server_time()
    lab.stop_controller()
    try:
        lab.on_server("docker rm -f fairlead-coredns")
        lab.until_runs(lambda runs: runs["coredns"].id != before["coredns"].id, "coredns is back")
    finally:
        lab.start_controller()
    lab.until_told("container-missing", newest, "coredns")
    after = lab.until_well()
    assert {name for name in before if after[name] != before[name]} == {"coredns"}
    assert lab.created_since(since) == ["coredns"]

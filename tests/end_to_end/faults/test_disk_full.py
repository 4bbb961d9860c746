"""A disk is full, on the server or on the controller: it is said, nothing is half done, and room is all it takes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.lab import front
from fairlead_testing.fault_lab import FaultLab, Runs

STATE = "/var/lib/fairlead"
MEBIBYTES = 16
FILL = "dd if=/dev/zero of={0}/filler bs=4096 2>/dev/null; test -s {0}/filler"


@pytest.fixture
def small_state(lab: FaultLab, before: Runs) -> Iterator[Runs]:
    """The agent's own directory on a small disk of its own."""
    aside = "/var/lib/docker/aside"
    move_in = f"mkdir {aside} && cp -a {STATE}/. {aside} && mount -t tmpfs -o size={MEBIBYTES}m small {STATE}"
    newest = lab.newest_event()
    lab.on_server(f"docker stop fairlead-agent && {move_in} && cp -a {aside}/. {STATE} && docker start fairlead-agent")
    try:
        lab.until_told("node-connected", newest)
        yield lab.until_well()
    finally:
        lab.on_server(f"docker stop fairlead-agent; rm -f {STATE}/filler; rm -rf {aside}; cp -a {STATE} {aside}")
        lab.on_server(f"umount {STATE} && rm -rf {STATE}/* && cp -a {aside}/. {STATE} && rm -rf {aside}")
        lab.on_server("docker start fairlead-agent")


def test_a_full_server_takes_no_change_says_so_and_goes_on_once_there_is_room(lab: FaultLab, small_state: Runs) -> None:
    newest = lab.newest_event()
    lab.on_server(FILL.format(STATE))
    lab.apply(lab.changed_spec, "--no-wait")
    told = lab.until_told("journal-failed", newest)
    assert "No space left on device" in told["message"]
    assert "Make room" in told["message"]
    assert lab.runs() == small_state
    lab.on_server("docker rm -f fairlead-coredns")
    lab.until_runs(lambda runs: runs["coredns"].id != small_state["coredns"].id, "coredns is back on a full disk")
    assert not [event for event in lab.events(newest) if event["kind"] == "node-connected"], "the session goes on"
    lab.on_server(f"rm {STATE}/filler")
    lab.until_told("operation-succeeded", newest)
    after = lab.until_well()
    assert {name for name in after if after[name] != small_state[name]} == {"kube-scheduler", "coredns"}
    assert lab.apply(lab.spec).ok


@pytest.fixture
def small_data(lab: FaultLab, before: Runs) -> Iterator[Path]:
    """The controller's data on a small disk of their own."""
    data, aside = lab.lab.controller_data, lab.lab.folder / "aside"
    lab.stop_controller()
    on_this_machine("cp", "-a", data, aside)
    on_this_machine("mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m,mode=700", "small", data)
    try:
        on_this_machine("cp", "-a", f"{aside}/.", data)
        lab.start_controller()
        yield data
    finally:
        (data / "filler").unlink(missing_ok=True)
        lab.stop_controller()
        on_this_machine("rm", "-rf", aside)
        on_this_machine("cp", "-a", data, aside)
        on_this_machine("umount", data)
        on_this_machine("cp", "-a", f"{aside}/.", data)
        on_this_machine("rm", "-rf", aside)
        lab.start_controller()


def test_a_full_controller_refuses_says_so_and_takes_the_same_once_there_is_room(
    lab: FaultLab, before: Runs, small_data: Path
) -> None:
    lab.until_well()
    on_this_machine("sh", "-c", FILL.format(small_data))
    refused = lab.apply(lab.changed_spec)
    assert not refused.ok
    assert f"The disk of {small_data} is full: nothing was changed." in refused.errors
    assert "Free some space there" in refused.errors
    token = front.try_fairlead(lab.lab, "token", "create")
    assert not token.ok
    assert "is full" in token.errors
    assert lab.fairlead("status"), "reading goes on"
    assert lab.runs() == before
    (small_data / "filler").unlink()
    assert lab.apply(lab.changed_spec).ok
    after = lab.until_well()
    assert {name for name in after if after[name] != before[name]} == {"kube-scheduler"}
    assert lab.apply(lab.spec).ok


def on_this_machine(*words: str | Path) -> None:
    """A command that has to end well."""
    subprocess.run([str(word) for word in words], check=True, timeout=60)

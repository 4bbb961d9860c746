"""dockerd is restarted, politely or not, with and without live-restore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_testing.fault_lab import FaultLab, Runs, ids

SIGNALS = ["TERM", pytest.param("KILL", marks=pytest.mark.long)]


@pytest.fixture
def without_live_restore(lab: FaultLab, before: Runs) -> Iterator[None]:
    """dockerd's setting `live-restore`, which is off by default and can be changed without a restart."""
    set_live_restore(lab, "false")
    yield
    set_live_restore(lab, "true")


def set_live_restore(lab: FaultLab, value: str) -> None:
    settings = "/etc/docker/daemon.json"
    lab.on_server(f"""sed -i 's/"live-restore": [a-z]*/"live-restore": {value}/' {settings} && pkill -HUP -x dockerd""")
    asked = "docker info --format '{{.LiveRestoreEnabled}}'"
    lab.until(lambda: lab.on_server(asked).strip() == value, f"live-restore is {value}")


def restart(lab: FaultLab, signal: str) -> None:
    """Ends dockerd; the server's supervisor starts another."""
    process = lab.on_server("pgrep -x dockerd").strip()
    lab.on_server(f"pkill -{signal} -x dockerd")
    lab.until(
        lambda: lab.holds(f"docker version >/dev/null 2>&1 && test $(pgrep -x dockerd) != {process}"),
        "another dockerd answers",
    )


@pytest.mark.parametrize("signal", SIGNALS)
def test_with_live_restore_no_container_notices(lab: FaultLab, before: Runs, signal: str) -> None:
    newest, agent = lab.newest_event(), lab.agent()
    restart(lab, signal)
    assert lab.until_well() == before
    assert lab.agent() == agent
    lab.until_told("docker-back", newest)
    lab.on_server("docker rm -f fairlead-kube-proxy")  # it is watched again
    after = lab.until_runs(lambda runs: runs["kube-proxy"].id != before["kube-proxy"].id, "kube-proxy is back")
    assert {name for name in after if after[name] != before[name]} == {"kube-proxy"}


@pytest.mark.parametrize("signal", SIGNALS)
def test_without_live_restore_the_same_containers_run_again(
    lab: FaultLab, before: Runs, without_live_restore: None, signal: str
) -> None:
    newest = lab.newest_event()
    restart(lab, signal)
    lab.until_told("node-connected", newest)
    after = lab.until_well()
    assert ids(after) == ids(before)
    assert all(after[name].started != before[name].started for name in before)


def test_an_agent_that_connects_meanwhile_has_nothing_replaced(lab: FaultLab, before: Runs) -> None:
    """What it tells of a Docker that does not answer is no news of that Docker."""
    newest, since = lab.newest_event(), lab.server_time()
    lab.on_server("pkill -STOP -x dockerd")
    try:
        lab.kill_controller()
        lab.start_controller()
        lab.until_told("node-connected", newest)
    finally:
        lab.on_server("pkill -CONT -x dockerd")
    assert lab.until_well() == before
    assert not lab.created_since(since)

"""The agent goes and comes: what runs on the server does not notice."""

from __future__ import annotations

import pytest

from fairlead_testing.fault_lab import FaultLab, Runs

WAYS = {
    "restarted": "docker restart fairlead-agent",
    "killed": "kill -9 $(docker inspect --format '{{.State.Pid}}' fairlead-agent)",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_container_is_restarted_with_the_agent(lab: FaultLab, before: Runs, way: str) -> None:
    newest, process, since = lab.newest_event(), lab.agent(), lab.server_time()
    lab.on_server(WAYS[way])
    lab.until_told("node-connected", newest)
    assert lab.agent() not in ("0", process)
    assert lab.until_well() == before
    assert lab.created_since(since) == []


def test_what_was_lost_without_the_agent_is_back_with_it(lab: FaultLab, before: Runs) -> None:
    lab.on_server("docker stop fairlead-agent && docker rm -f fairlead-kube-proxy")
    assert lab.runs().keys() == before.keys() - {"kube-proxy"}
    newest = lab.newest_event()
    lab.on_server("docker start fairlead-agent")
    lab.until_told("node-connected", newest)
    after = lab.until_well()
    assert {name for name in before if after[name] != before[name]} == {"kube-proxy"}

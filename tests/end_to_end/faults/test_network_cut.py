"""The network between a server and its controller is cut: that is told, and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_testing.fault_lab import FaultLab, Runs

REQUESTS = "OUTPUT -p tcp --dport 7070:7071 -j DROP"
ANSWERS = "INPUT -p tcp --sport 7070:7071 -j DROP"
CUTS = {"both ways": (REQUESTS, ANSWERS), "only the answers": (ANSWERS,), "only the requests": (REQUESTS,)}


@pytest.fixture(params=[name if name == "both ways" else pytest.param(name, marks=pytest.mark.long) for name in CUTS])
def rules(lab: FaultLab, request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """The firewall rules of a cut, healed at the latest at the end."""
    wanted = CUTS[request.param]
    yield wanted
    for rule in wanted:
        lab.holds(f"iptables -D {rule} 2>/dev/null")


def test_nothing_moves_while_a_server_cannot_be_reached(lab: FaultLab, before: Runs, rules: tuple[str, ...]) -> None:
    newest, since = lab.newest_event(), lab.server_time()
    for rule in rules:
        lab.on_server(f"iptables -I {rule}")
    told = lab.until_told("node-unreachable", newest)
    assert "what runs on it is left as it is" in told["message"]
    assert lab.node_state() == "unreachable"
    assert lab.runs() == before
    assert lab.kubectl("get", "--raw", "/readyz") == "ok"
    for rule in rules:
        lab.on_server(f"iptables -D {rule}")
    lab.until_told("node-connected", told["id"])
    assert lab.until_well() == before
    assert lab.created_since(since) == []

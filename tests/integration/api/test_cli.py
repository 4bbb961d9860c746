"""The CLI against a running controller: what people see, what programs get, how a call ends."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from fairlead_cli import contexts
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.authorities import FleetAuthority
from fairlead_wire.identity import Role


def test_status(fairlead: Run, cluster: str) -> None:
    said = fairlead("status")
    assert said.code == 0
    assert re.search(r"^lab +ready", said.out, re.MULTILINE)
    assert re.search(r"^lab-1 +reachable +lab +192\.0\.2\.11", said.out, re.MULTILINE)
    assert "\x1b" not in said.out
    found = json.loads(fairlead("status", "--output", "json").out)
    assert (len(found["clusters"]), found["nodes"][0]["state"]) == (1, "reachable")


def test_an_empty_fleet_says_what_to_do_first(fairlead: Run) -> None:
    said = fairlead("status").out
    assert "`fairlead apply -f cluster.yaml`" in said
    assert "`fairlead token create`" in said
    assert json.loads(fairlead("node", "ls", "-o", "json").out) == []


def test_nodes(beside: ThreadedServer, fairlead: Run) -> None:
    beside.agent("lab-1", labels=(("disk", "ssd"),))
    assert fairlead("node", "ls").out.splitlines()[1].startswith("lab-1  reachable  -        192.0.2.11")
    shown = fairlead("node", "show", "lab-1").out
    assert re.search(r"^Labels: +disk=ssd$", shown, re.MULTILINE)
    assert re.search(r"^Hardware: +4 processors, 8\.0 GiB$", shown, re.MULTILINE)
    found = json.loads(fairlead("node", "show", "lab-1", "-o", "json").out)
    assert (found["memory_bytes"], found["labels"], found["certificate_expire_time"]) == (
        8 * 2**30,
        {"disk": "ssd"},
        None,
    )
    gone = fairlead("node", "show", "none")
    assert (gone.code, gone.err) == (1, "Error: There is no node 'none'.\n  → See `fairlead node ls`.\n")


def test_tokens(fairlead: Run) -> None:
    made = json.loads(fairlead("token", "create", "--label", "disk=ssd", "--ttl", "10m", "-o", "json").out)
    assert made.keys() == {"id", "token", "command", "image", "expires"}
    assert made["token"] in made["command"]
    listed = fairlead("token", "ls").out
    assert re.search(rf"^{made['id']} +- +disk=ssd +.* ago +in (9|10) min +- +anna$", listed, re.MULTILINE)
    assert made["token"] not in listed
    assert fairlead("token", "revoke", made["id"]).out == f"Token {made['id']} is revoked.\n"
    assert re.search(r"ended .* ago", fairlead("token", "ls").out)
    assert fairlead("token", "revoke", "none").code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--label", "disk", "--label", "zone"),
            "Error: Not every label has a key and a value.\n  --label: 'disk' is not",
        ),
        (("--ttl", "soon"), "Error: 'soon' is no length of time.\n  → Write for example 30m, 1h or 2d.\n"),
        (("--ttl", "8d"), "Error: No token can be made like this.\n  ttl: 691200 s is out of range"),
        (("--cluster", "No Name"), "Error: No token can be made like this.\n  cluster: 'No Name' can't be"),
    ],
)
def test_a_token_that_can_not_be(fairlead: Run, arguments: tuple[str, ...], message: str) -> None:
    said = fairlead("token", "create", *arguments)
    assert said.code == 1
    assert said.err.startswith(message)


def test_events(fairlead: Run, cluster: str) -> None:
    said = fairlead("events", "--cluster", "lab")
    assert re.search(r"revision-accepted  lab: Revision 1 of cluster lab was accepted: \d+ moves\. \[anna\]", said.out)
    assert re.search(r"task-healthy  lab lab-1 etcd: .*\(after #\d+\)", said.out)
    found = json.loads(fairlead("events", "-n", "2", "-o", "json").out)
    assert [event["kind"] for event in found][-1] == "operation-succeeded"
    assert found[0]["id"] < found[1]["id"]


def test_a_role_that_may_not(beside: ThreadedServer, fairlead: Run) -> None:
    beside.context("eyes", Role.VIEWER)
    said = fairlead("--context", "eyes", "token", "create")
    assert said.code == 1
    assert said.err.startswith("Error: anna has the role viewer, which may not call CreateToken.\n")
    assert fairlead("--context", "eyes", "node", "ls").code == 0


def test_nobody_at_the_endpoint(beside: ThreadedServer, fairlead: Run) -> None:
    context = contexts.find("test", beside.folder)
    contexts.save(replace(context, name="away", endpoint="127.0.0.1:1"), beside.folder)
    said = fairlead("--context", "away", "status")
    assert (said.code, said.err.splitlines()[0]) == (
        1,
        "Error: No controller answers at 127.0.0.1:1 (context away).",
    )


def test_another_fleets_controller_at_the_endpoint(beside: ThreadedServer, fairlead: Run) -> None:
    other = FleetAuthority(beside.server.authority.now, "other").person("anna", Role.ADMIN)
    texts = (other.fleet_id, other.authority.decode(), other.chain.decode(), other.key.decode())
    contexts.save(contexts.Context("other", beside.server.fleet_endpoint, *texts), beside.folder)
    said = fairlead("--context", "other", "status")
    assert said.code == 1
    assert "do not accept each other's certificates" in said.err


def test_a_certificate_that_has_ended(beside: ThreadedServer, fairlead: Run) -> None:
    authority = beside.server.authority
    now, authority.now = authority.now, authority.now - 10 * 86_400
    ended = authority.person("anna", Role.ADMIN, days=1)
    authority.now = now
    context = contexts.find("test", beside.folder)
    certificate, key = ended.chain.decode(), ended.key.decode()
    contexts.save(replace(context, name="old", certificate=certificate, key=key), beside.folder)
    said = fairlead("--context", "old", "status")
    assert said.code == 1
    assert said.err.startswith("Error: Your certificate in context old ended 9 d ago.\n  → ")
    assert "fairlead-controller admin-cert" in said.err

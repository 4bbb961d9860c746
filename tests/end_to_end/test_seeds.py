"""A zone of three servers: one becomes its seed, the others get images from it, and nothing depends on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fairlead_cli.lab import network
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.spec import spec_for
from fairlead_cli.lab.wait import until

from .conftest import RunningLab, give_images, lab_command

# A lab of its own: its servers stand in one zone.
pytestmark = pytest.mark.long

REGISTRY, PAUSE = "fairlead/registry:3.1.2", "registry.k8s.io/pause:3.10.2"
WAIT_SECONDS, BRING_SECONDS = 120.0, 180.0


@pytest.fixture(scope="module")
def zone() -> Iterator[RunningLab]:
    made = RunningLab(Lab("zone", 3, zones=1))
    done = lab_command("up", "--name", "zone", "--servers", "3", "--zones", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    give_images(made, {"registry": REGISTRY, "pause": PAUSE})
    yield made
    lab_command("down", "--name", "zone")


def seed_of(zone: RunningLab) -> dict[str, str]:
    """`node`: the server's name; `at`: where it answers, "" while it does not."""
    listed: dict[str, Any] = json.loads(zone.fairlead("images", "ls", "-o", "json").output)
    for seed in listed["seeds"]:
        return {"node": seed["node"].removeprefix("nodes/"), "at": seed["at"]}
    return {"node": "", "at": ""}


def serving(zone: RunningLab, other_than: str = "") -> str:
    """The server that is the seed, once it serves."""

    def serves() -> bool:
        seed = seed_of(zone)
        return bool(seed["at"]) and seed["node"] != other_than

    until(serves, what="a server is the seed", timeout=WAIT_SECONDS, advice=lambda: zone.fairlead("events").output)
    return seed_of(zone)["node"]


def bring(zone: RunningLab) -> dict[str, str]:
    """Takes the pause image from all servers and has it brought again; server → the registry that it came from."""
    for node in zone.lab.nodes:
        users = f"docker ps -aq --filter ancestor={PAUSE}"
        zone.on_server(f"{users} | xargs -r docker rm -f; docker rmi -f {PAUSE}; true", node=node)
    began = {node: zone.on_server("date -u +%Y-%m-%dT%H:%M:%S.%N", node=node).strip() for node in zone.lab.nodes}
    brought = zone.fairlead("images", "prefetch", "-f", str(spec_for(zone.lab)), timeout=BRING_SECONDS)
    assert (brought.ok, brought.errors) == (True, "")
    return {node: _came_from(zone, node, began[node]) for node in zone.lab.nodes}


def _came_from(zone: RunningLab, node: str, since: str) -> str:
    log = zone.on_server(f"docker logs --since {since}Z fairlead-agent 2>&1", node=node)
    [line] = [line for line in log.splitlines() if f"{PAUSE} came from the fleet's registry" in line]
    return line.rpartition(" ")[2]


def test_all_of_the_zone_get_images_from_the_seed(zone: RunningLab) -> None:
    node = serving(zone)
    address = zone.on_server("hostname -i", node=node).split()[0]
    assert bring(zone) == dict.fromkeys(zone.lab.nodes, f"{address}:7073")
    assert f"{node} in zone a ({address}:7073)" in zone.fairlead("images", "ls").errors


def test_it_is_fairleads_own_and_comes_back(zone: RunningLab) -> None:
    node = serving(zone)
    refused = zone.fairlead("docker", "rm", "-f", "fairlead-seed", "--node", node)
    assert refused.code != 0
    assert "The container fairlead-seed is Fairlead's own seed" in refused.errors
    before = zone.on_server("docker inspect -f '{{.Id}}' fairlead-seed && docker rm -f fairlead-seed", node=node)
    controller = f"{network.addresses(zone.lab).host}:7072"
    assert controller in bring(zone).values(), "who finds no seed asks the controller"

    def is_back() -> bool:
        shown = zone.on_server("docker inspect -f '{{.Id}} {{.State.Running}}' fairlead-seed || true", node=node)
        return "true" in shown and shown.split()[0] not in before

    until(is_back, what="the seed runs again", timeout=WAIT_SECONDS, advice=lambda: zone.on_server("docker ps -a"))


def test_it_shows_no_secret_and_leaves_none_open(zone: RunningLab) -> None:
    node = serving(zone)
    assert "PRIVATE" not in zone.on_server("docker inspect fairlead-seed; docker logs fairlead-seed 2>&1", node=node)
    modes = zone.on_server("stat -c %a /var/lib/fairlead/seed /var/lib/fairlead/seed/*", node=node).split()
    assert (modes[0], set(modes[1:])) == ("700", {"600"})


def test_when_its_server_is_gone_another_one_serves(zone: RunningLab) -> None:
    first = serving(zone)
    zone.on_server("docker stop fairlead-agent fairlead-seed", node=first)
    try:
        second = serving(zone, other_than=first)
        others = [node for node in zone.lab.nodes if node != first]
        assert second in others
    finally:
        zone.on_server("docker start fairlead-agent", node=first)
    until(
        lambda: seed_of(zone)["node"] == first and bool(seed_of(zone)["at"]),
        what="the first that enrolled serves again",
        timeout=WAIT_SECONDS,
        advice=lambda: zone.fairlead("events").output,
    )

"""What `fairlead plan` says of images that nodes lack, and `fairlead images prefetch`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.v1 import images_pb2_grpc
from fairlead_cli.main import main
from fairlead_cli.render.prefetch import News, PlainDisplay
from fairlead_controller.api import missing_images
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer, obedient_agent, threaded_server
from fairlead_testing.fake_agent import FakeAgent
from fairlead_testing.fake_fleet_images import FakeFleetImages, fleet_image
from fairlead_testing.fleet_server import FleetServer

KUBELET, PROXY = "docker.io/fairlead/kubelet:v1.37.2", "registry.k8s.io/kube-proxy:v1.37.2"
MIB = 2**20


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedServer]:
    """A controller with the images that a test says."""
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("FAIRLEAD_CONTEXT", raising=False)
    with threaded_server(tmp_path / "config", lambda: FleetServer(told=FakeFleetImages())) as running:
        yield running


@pytest.fixture
def agent(beside: ThreadedServer, spec: Path) -> FakeAgent:
    """The agent of lab-1, which has no image yet; the fleet has two."""

    async def fill() -> None:
        images = beside.server.told
        assert images is not None
        images.open("192.0.2.1:7072")
        images.has(
            fleet_image(KUBELET, base=100 * MIB, kubelet=50 * MIB), fleet_image(PROXY, base=100 * MIB, proxy=20 * MIB)
        )

    beside.do(fill())
    return beside.do(beside.keep(obedient_agent(beside.server, "lab-1", images=set())))


def test_a_plan_says_what_has_to_be_fetched(agent: FakeAgent, fairlead: Run) -> None:
    planned = fairlead("plan", "-f", "cluster.yaml")
    assert planned.code == 2
    said = planned.out[planned.out.index("To be fetched") :].splitlines()
    assert said[0] == "To be fetched for it:"
    assert said[1].startswith("  lab-1  ")
    assert "images, 170 MiB; " in said[1]
    assert said[1].endswith("of them from their own registries, of unknown size")
    assert said[2] == "`fairlead images prefetch -f cluster.yaml` brings them there before anything is changed."
    assert said[4:6] == ["To carry out exactly this:", ""]


def test_a_plan_for_programs_has_every_image(agent: FakeAgent, fairlead: Run) -> None:
    found = json.loads(fairlead("plan", "-f", "cluster.yaml", "-o", "json").out)
    assert found["pin"].startswith("0-")
    by_reference = {image["reference"]: image for image in found["missing_images"]["images"]}
    kubelet = by_reference[KUBELET]
    assert (kubelet["node"], kubelet["in_fleet"]) == ("lab-1", True)
    assert by_reference["registry.k8s.io/pause:3.10.2"]["size_bytes"] == 0
    assert found["missing_images"]["unreachable_nodes"] == []


def test_a_plan_says_nothing_of_images_where_none_is_missing(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    beside.agent("lab-1")
    assert "fetched" not in fairlead("plan", "-f", "cluster.yaml").out


def test_a_node_that_can_not_be_asked_is_named(
    agent: FakeAgent, fairlead: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_images, "FIND_SECONDS", 0.2)
    monkeypatch.setattr("fairlead_controller.api.preflight.INSPECT_SECONDS", 0.2)
    agent.deaf = True
    planned = fairlead("plan", "-f", "cluster.yaml")
    assert planned.code == 2
    assert "To be fetched for it:\n  lab-1  could not be asked\n\n" in planned.out


def test_a_controller_of_before_there_were_images_plans_as_ever(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(images_pb2_grpc, "add_ImageServiceServicer_to_server", lambda service, server: None)
    request.getfixturevalue("agent")
    fairlead: Run = request.getfixturevalue("fairlead")
    planned = fairlead("plan", "-f", "cluster.yaml")
    assert planned.code == 2
    assert "fetch" not in planned.out, planned.out
    assert json.loads(fairlead("plan", "-f", "cluster.yaml", "-o", "json").out)["missing_images"] is None


def test_prefetch_brings_everything_and_tells_as_it_comes(agent: FakeAgent, fairlead: Run) -> None:
    said = fairlead("images", "prefetch", "-f", "cluster.yaml")
    assert (said.code, said.err) == (0, "")
    assert agent.images == set(agent.fetched)
    total, lines = len(agent.fetched), said.out.splitlines()
    at = agent.fetched.index(KUBELET)
    assert f"lab-1  {at}/{total}  fetching {KUBELET} (150 MiB)" in lines
    assert f"lab-1  {at + 1}/{total}  has {KUBELET}" in lines
    assert lines[-1].startswith(f"==> Brought {total} images (170 MiB) to 1 node in ")
    assert "fetched" not in fairlead("plan", "-f", "cluster.yaml").out
    again = fairlead("images", "prefetch", "-f", "cluster.yaml")
    assert (again.code, again.out) == (0, "Every node has all that the spec needs.\n")


def test_what_fails_is_told_with_its_reason_and_the_rest_comes(agent: FakeAgent, fairlead: Run) -> None:
    agent.unfetchable = {PROXY: "The disk is full; make room on it, then it is tried again."}
    said = fairlead("images", "prefetch", "-f", "cluster.yaml")
    assert said.code == 1
    assert f"lab-1  failed: {PROXY}" in said.out.splitlines()
    assert said.err.splitlines() == [
        f"lab-1: {PROXY}: The disk is full; make room on it, then it is tried again.",
        "  → Once that is put right, `fairlead images prefetch -f cluster.yaml` goes on.",
    ]
    assert agent.images == set(agent.fetched) - {PROXY}


def test_prefetch_for_programs(agent: FakeAgent, fairlead: Run) -> None:
    agent.unfetchable = {PROXY: "No."}
    said = fairlead("images", "prefetch", "-f", "cluster.yaml", "-o", "json")
    found = {entry["reference"]: entry for entry in json.loads(said.out)}
    assert said.code == 1
    assert set(found) == set(agent.fetched)
    assert found[PROXY] == {
        "node": "lab-1",
        "reference": PROXY,
        "size_bytes": found[PROXY]["size_bytes"],
        "in_fleet": True,
        "state": "failed",
        "message": "No.",
    }
    assert {entry["state"] for name, entry in found.items() if name != PROXY} == {"done"}


def test_ctrl_c_says_how_to_go_on(
    beside: ThreadedServer, agent: FakeAgent, fairlead: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fairlead_cli.render.prefetch.PlainDisplay.show", interrupted)
    said = fairlead("images", "prefetch", "-f", "cluster.yaml")
    assert said.code == 130
    assert said.err.startswith("\nStopped: ")
    assert "`fairlead images prefetch -f cluster.yaml` goes on." in said.err


def test_a_controller_that_goes_away_in_the_middle_is_told_and_it_goes_on_later(
    beside: ThreadedServer, agent: FakeAgent, fairlead: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, shown = beside.wire("cut"), PlainDisplay.show

    def cut(display: PlainDisplay, news: News) -> None:
        shown(display, news)
        if news.image.reference == KUBELET:
            beside.do(wire.cut())

    monkeypatch.setattr(PlainDisplay, "show", cut)
    said = fairlead("--context", "cut", "images", "prefetch", "-f", "cluster.yaml")
    assert (said.code, "Traceback" in said.err) == (1, False)
    assert said.err.startswith("Error: ")
    assert "No controller answers" in said.err
    assert fairlead("images", "prefetch", "-f", "cluster.yaml").code == 0
    assert fairlead("images", "prefetch", "-f", "cluster.yaml").out == "Every node has all that the spec needs.\n"


def test_wrong_calls_say_what_is_right(fairlead: Run, tmp_path: Path) -> None:
    missing = fairlead("images", "prefetch", "-f", str(tmp_path / "none.yaml"))
    assert (missing.code, "There is no file" in missing.err) == (1, True)
    (tmp_path / "bad.yaml").write_text("kind: Nothing\n")
    bad = fairlead("images", "prefetch", "-f", str(tmp_path / "bad.yaml"))
    assert (bad.code, "bad.yaml" in bad.err, bad.out) == (1, True, "")


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        main(("images", "prefetch", "--help"))
    out = capsys.readouterr().out
    assert "Examples:\n    fairlead images prefetch -f cluster.yaml && fairlead apply -f cluster.yaml\n" in out

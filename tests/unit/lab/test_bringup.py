"""The steps of `lab up`, and what people see of them."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from fairlead_cli.images.progress import Progress
from fairlead_cli.lab.bringup import steps
from fairlead_cli.lab.images import worded
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.progress import LiveDisplay, PlainDisplay, display_for, summary
from fairlead_cli.lab.steps import Outcome, Step


def a_step(title: str = "Server lab-1") -> Step:
    return Step(title, title, lambda: None, lambda say: "")


def console(terminal: bool = False) -> tuple[Console, StringIO]:
    out = StringIO()
    return Console(file=out, force_terminal=terminal, width=100), out


@pytest.mark.parametrize("servers", [1, 3])
def test_every_step_can_begin_some_time(servers: int) -> None:
    ended: set[str] = set()
    waiting = steps(Lab("lab", servers))
    assert len({step.name for step in waiting}) == len(waiting)
    while waiting:
        ready = [step for step in waiting if ended.issuperset(step.after)]
        assert ready, f"wait for ever: {[step.name for step in waiting]}"
        ended |= {step.name for step in ready}
        waiting = [step for step in waiting if step not in ready]


def test_the_cluster_comes_after_every_agent_and_all_images() -> None:
    [cluster] = [step for step in steps(Lab("lab", 3)) if step.name == "cluster"]
    assert {f"{what} lab-{number}" for what in ("agent", "images") for number in (1, 2, 3)} <= set(cluster.after)


def test_a_server_starts_once_the_images_lie_ready_and_does_not_wait_for_the_agents() -> None:
    [server] = [step for step in steps(Lab("lab", 3)) if step.name == "server lab-2"]
    assert server.after == ("unpacked",)


def test_without_a_terminal_there_are_plain_lines() -> None:
    where, out = console()
    with display_for(where, [a_step()]) as display:
        display.started(a_step())
        display.said(a_step(), "starting [its] Docker Engine")
        display.ended(Outcome(a_step(), "Docker 26.1.5", 2.34, skipped=False))
        display.ended(Outcome(a_step("Network"), "172.30.0.0/24", 0.04, skipped=True))
        display.failed(a_step("Registry"))
    assert out.getvalue().splitlines() == [
        "  … Server lab-1: starting [its] Docker Engine",
        "  ✓ Server lab-1: Docker 26.1.5 (2.3 s)",
        "  = Network: 172.30.0.0/24 (0.0 s)",
        "  ✗ Registry",
    ]


def test_a_long_build_does_not_flood_a_log() -> None:
    where, out = console()
    times = iter(range(100))
    display = PlainDisplay(where, clock=lambda: float(next(times)))
    for package in range(20):
        display.said(a_step(), f"package {package}")
    assert len(out.getvalue().splitlines()) == 4


def test_on_a_terminal_all_steps_are_shown_with_what_they_are_at() -> None:
    where, out = console(terminal=True)
    known = [a_step("Network"), a_step("Server lab-1"), a_step("Cluster")]
    display = LiveDisplay(where, known, clock=lambda: 0.0)
    display.started(known[0])
    display.ended(Outcome(known[0], "172.30.0.0/24", 0.1, skipped=False))
    display.started(known[1])
    display.said(known[1], "starting its Docker Engine")
    where.print(display._table())
    for text in ("✓", "Network", "172.30.0.0/24", "starting its Docker Engine", "Cluster"):
        assert text in out.getvalue()


def test_the_table_at_the_end_has_every_step_and_the_sum() -> None:
    where, out = console()
    outcomes = [
        Outcome(a_step("Network"), "172.30.0.0/24", 0.04, skipped=True),
        Outcome(a_step(), "Docker 26.1.5", 2.34, skipped=False),
    ]
    where.print(summary(outcomes, 2.4))
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["result", "so)", "26.1.5", "2.4"]


def test_a_build_says_how_far_it_is() -> None:
    progress = Progress("kubernetes (Go)", "compiling", done=120, total=480, seconds=61.2)
    assert worded(progress) == "kubernetes (Go): compiling 25 % (61 s)"
    assert worded(Progress("nginx", "pulling", seconds=3)) == "nginx: pulling (3 s)"


def test_the_controller_waits_for_the_image_that_has_its_registry() -> None:
    [controller] = [step for step in steps(Lab("lab", 1)) if step.name == "controller"]
    assert "lab images" in controller.after

"""The loop that carries out the steps of a bring-up."""

from __future__ import annotations

from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.steps import Outcome, Say, Step, run


class Notes:
    """A display that notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def started(self, step: Step) -> None:
        self.notes.append(f"{step.name} started")

    def said(self, step: Step, text: str) -> None:
        self.notes.append(f"{step.name} said {text}")

    def ended(self, outcome: Outcome) -> None:
        self.notes.append(f"{outcome.step.name} ended")

    def failed(self, step: Step) -> None:
        self.notes.append(f"{step.name} failed")


def step(name: str, *after: str, done: str | None = None) -> Step:
    return Step(name, name.title(), lambda: done, lambda say: f"{name} made", after)


def test_a_step_that_is_done_already_does_nothing() -> None:
    def act(say: Say) -> str:
        raise AssertionError("it was done")

    [outcome] = run([Step("network", "Network", lambda: "172.30.0.0/24", act)], Notes())
    assert (outcome.result, outcome.skipped) == ("172.30.0.0/24", True)


def test_a_step_tells_what_it_is_at() -> None:
    def act(say: Say) -> str:
        say("half-way")
        return "all"

    notes = Notes()
    run([Step("images", "Images", lambda: None, act)], notes)
    assert notes.notes == ["images started", "images said half-way", "images ended"]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8))
def test_each_step_waits_for_those_before_it(wanted: list[set[int]]) -> None:
    steps = [step(str(own), *(str(one) for one in after if one < own)) for own, after in enumerate(wanted)]
    order = [outcome.step.name for outcome in run(steps, Notes())]
    assert sorted(order) == sorted(one.name for one in steps)
    for one in steps:
        assert all(order.index(before) < order.index(one.name) for before in one.after)


def test_steps_that_need_not_wait_run_side_by_side() -> None:
    both = Barrier(2, timeout=10)

    def act(say: Say) -> str:
        both.wait()
        return "met"

    outcomes = run([Step(name, name, lambda: None, act) for name in ("server", "registry")], Notes())
    assert [outcome.result for outcome in outcomes] == ["met", "met"]


def test_after_a_failure_nothing_begins_and_what_runs_comes_to_its_end() -> None:
    failed = Event()

    def fail(say: Say) -> str:
        failed.set()
        raise LabError("the network is taken", "Remove it")

    def slow(say: Say) -> str:
        assert failed.wait(10)
        return "ended"

    notes = Notes()
    steps = [
        Step("network", "Network", lambda: None, fail),
        Step("images", "Images", lambda: None, slow),
        step("server", "network", "images"),
    ]
    with pytest.raises(LabError, match=r"The network is taken\. Remove it\."):
        run(steps, notes)
    assert "images ended" in notes.notes
    assert "server started" not in notes.notes

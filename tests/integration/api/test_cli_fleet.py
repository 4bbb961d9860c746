"""`fairlead fleet`, as an admin calls it after a restore."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from fairlead_controller.recovery import renew
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer


@pytest.fixture
def restored(beside: ThreadedServer) -> ThreadedServer:
    beside.store(lambda repositories: renew(repositories, Path("backup.db"), None, beside.server.clock.now()))
    return beside


@pytest.mark.usefixtures("restored")
def test_show_says_that_nothing_is_changed_and_what_to_do(fairlead: Run) -> None:
    said = fairlead("fleet", "show").out
    assert "Every node is only observed" in said
    assert "`fairlead fleet confirm`" in said
    shown = json.loads(fairlead("fleet", "show", "-o", "json").out)
    assert (shown["generation"], bool(shown["restore_time"]), shown["ahead_nodes"]) == (2, True, [])


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_confirm_asks_and_does_nothing_without_a_yes(
    fairlead: Run, typed: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    said = fairlead("fleet", "confirm")
    assert said.code == code
    shown = json.loads(fairlead("fleet", "show", "-o", "json").out)
    assert (shown["restore_time"] is None) == (code == 0)
    assert code == 0 or "stays only observed" in said.err


@pytest.mark.usefixtures("restored")
def test_confirm_with_yes_and_again(fairlead: Run) -> None:
    assert "commands again" in fairlead("fleet", "confirm", "--yes").out
    assert "Nothing waits for a confirmation" in fairlead("fleet", "confirm", "--yes").out

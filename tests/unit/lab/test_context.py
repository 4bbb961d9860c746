"""A lab and a fleet of one's own may be called the same: a lab touches no context but its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_cli.lab.controller_process import claim_context
from fairlead_cli.lab.down import forget_context
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError

LAB = Lab("prod")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(tmp_path / "config"))
    LAB.context.parent.mkdir(parents=True)


def test_the_context_of_another_fleet_is_neither_overwritten_nor_removed() -> None:
    LAB.context.write_text("the admin's key")
    with pytest.raises(LabError, match="There is a context `prod` already") as refused:
        claim_context(LAB)
    assert "--name" in refused.value.next_step
    assert not forget_context(LAB)
    assert LAB.context.read_text() == "the admin's key"


def test_a_labs_own_context_goes_with_it() -> None:
    claim_context(LAB)
    LAB.context.write_text("made by init")
    claim_context(LAB)  # as `up` does each time
    assert forget_context(LAB)
    assert not LAB.context.exists()
    assert not forget_context(LAB)

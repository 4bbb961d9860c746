"""How many servers `lab up` brings up."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.size import chosen, remember, remembered


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lab is there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_new_lab_has_three_servers_unless_told_otherwise() -> None:
    assert chosen("lab", None, 1).nodes == ["lab-1", "lab-2", "lab-3"]
    assert chosen("lab", 1, 1).nodes == ["lab-1"]


def test_a_lab_stays_as_large_as_it_is_and_may_grow() -> None:
    remember(chosen("spare", 2, 1))
    assert chosen("spare", None, 1).servers == 2
    assert chosen("spare", 4, 1).servers == 4
    assert chosen("lab", None, 1).servers == 3


def test_no_server_of_a_lab_is_forgotten() -> None:
    remember(Lab("lab", 3))
    with pytest.raises(LabError, match="has 3 servers, and `up` takes none away"):
        chosen("lab", 2, 1)


@pytest.mark.parametrize("control_planes", [0, 2, 3])
def test_one_control_plane_is_all_that_this_release_makes(control_planes: int) -> None:
    with pytest.raises(LabError, match="one control plane"):
        chosen("lab", 3, control_planes)


def test_a_note_that_was_cut_off_is_no_note() -> None:
    remember(Lab("lab", 2))
    Lab("lab").size_note.write_text("")
    assert remembered("lab") is None


def test_each_server_has_a_zone_of_its_own() -> None:
    lab = Lab("lab", 20)
    assert len({lab.labels_of(node)["zone"] for node in lab.nodes}) == 20


def test_servers_are_dealt_out_to_the_zones_that_were_asked_for() -> None:
    lab = Lab("lab", 5, zones=2)
    assert [lab.labels_of(node)["zone"] for node in lab.nodes] == ["a", "b", "a", "b", "a"]
    with pytest.raises(LabError, match="1 to 20 zones, not 21"):
        Lab("lab", 5, zones=21)

"""Context files: private, whole or not at all, and errors that say what to do."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fairlead_cli import contexts
from fairlead_cli.contexts import Context
from fairlead_wire.errors import Invalid, Missing

LAB = Context("lab", "127.0.0.1:7071", "f1", "AUTHORITY", "CERTIFICATE", "KEY")


def test_what_is_saved_is_found_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = contexts.save(LAB, tmp_path)
    assert path == tmp_path / "contexts" / "lab.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()).keys() == {"name", "endpoint", "fleet_id", "authority", "certificate", "key"}
    assert contexts.find("lab", tmp_path) == LAB
    assert [entry.name for entry in path.parent.iterdir()] == ["lab.json"]


def test_the_key_is_not_in_what_is_printed() -> None:
    assert "KEY" not in repr(LAB)


def test_the_only_context_is_the_current_one(tmp_path: Path) -> None:
    contexts.save(LAB, tmp_path)
    assert contexts.find("", tmp_path) == LAB


def test_one_of_several_has_to_be_chosen(tmp_path: Path) -> None:
    for name in ("lab", "prod"):
        contexts.save(Context(name, "h:1", "f", "a", "c", "k"), tmp_path)
    with pytest.raises(Missing, match="No context is chosen") as caught:
        contexts.find("", tmp_path)
    assert "fairlead context use" in caught.value.next_step
    contexts.use("prod", tmp_path)
    assert contexts.current_name(tmp_path) == "prod"
    assert contexts.find("lab", tmp_path).name == "lab"
    assert contexts.names(tmp_path) == ("lab", "prod")


def test_no_context_at_all(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        contexts.find("", tmp_path)
    assert "fairlead lab up" in caught.value.next_step


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    for look in (contexts.find, contexts.use):
        with pytest.raises(Missing, match="There is no context 'none'"):
            look("none", tmp_path)


@pytest.mark.parametrize("name", ["", "../lab", "a/b", ".hidden", "a" * 64, "a\n"])
def test_names_that_could_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        contexts.context_path(name, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "lab"}', '{"name": 1}', "\x00"])
def test_a_broken_file_is_told_with_its_path(tmp_path: Path, text: str) -> None:
    path = contexts.save(LAB, tmp_path)
    path.write_text(text)
    with pytest.raises(Invalid, match=str(path)):
        contexts.find("lab", tmp_path)


def test_a_copied_file_is_a_context_of_its_own_name(tmp_path: Path) -> None:
    path = contexts.save(LAB, tmp_path)
    path.rename(path.with_name("mine.json"))
    assert contexts.find("mine", tmp_path).name == contexts.current_name(tmp_path) == "mine"


def test_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert contexts.config_directory({"FAIRLEAD_CONFIG": "/elsewhere"}) == Path("/elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert contexts.config_directory({}) == tmp_path / ".config" / "fairlead"

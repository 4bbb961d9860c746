"""`fairlead-controller backup` and `restore`, as a user calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from fairlead_controller.app import main
from fairlead_controller.model.fleet import FleetRecord, TokenRecord
from fairlead_controller.store.engine import DATABASE
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_wire.assignment import Assignment

T = TypeVar("T")
FAR = 4e9  # a moment that no test reaches, in seconds since 1970


def token(name: str, expires_at: float = FAR, used_at: float = 0.0) -> TokenRecord:
    return TokenRecord(name, f"hash of {name}", 1.0, expires_at, "anna", used_at=used_at)


def within(data: Path, work: Callable[[Repositories], T]) -> T:
    """One transaction on the database while no controller runs."""

    async def alone() -> T:
        store = SqliteStore.open_alone(data)
        try:
            return await store.write(work)
        finally:
            await store.close()

    return asyncio.run(alone())


def fleet_of(data: Path) -> FleetRecord:
    fleet = within(data, lambda repositories: repositories.fleets.get())
    assert fleet is not None
    return fleet


def made(folder: Path) -> Path:
    """A data directory with a fleet."""
    context = str(folder.with_suffix(".json"))
    assert main(["init", "--data", str(folder), "--address", "10.0.0.1", "--context-file", context]) == 0
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return made(tmp_path / "data")


@pytest.fixture
def backup(data: Path, tmp_path: Path) -> Path:
    assert main(["backup", "--data", str(data), "--out", str(tmp_path / "backup.db")]) == 0
    return tmp_path / "backup.db"


def restore(data: Path, source: Path, *words: str) -> int:
    return main(["restore", "--data", str(data), "--from", str(source), *words])


def test_what_was_there_at_the_backup_is_back_and_the_rest_is_kept_beside(data: Path, tmp_path: Path) -> None:
    within(data, lambda repositories: repositories.assignments.put("n1", Assignment("lab", "node-1", 4)))
    assert main(["backup", "--data", str(data), "--out", str(tmp_path / "backup.db")]) == 0
    within(data, lambda repositories: repositories.assignments.put("n1", Assignment("lab", "node-1", 7)))
    assert restore(data, tmp_path / "backup.db") == 0
    assert (within(data, lambda repositories: repositories.assignments.get("n1"))).revision == 4
    [kept] = data.glob(f"{DATABASE}.replaced-*")
    assert {path.stat().st_mode & 0o777 for path in (kept, data / DATABASE)} == {0o600}
    assert restore(data, kept) == 0
    assert (within(data, lambda repositories: repositories.assignments.get("n1"))).revision == 7


def test_the_generation_rises_above_all_that_is_known_and_nobody_has_confirmed(data: Path, backup: Path) -> None:
    assert (fleet_of(data)).restored_at == 0
    assert restore(data, backup) == 0
    assert restore(data, backup) == 0
    fleet = fleet_of(data)
    assert fleet.generation == 3
    assert fleet.restored_at > 0


def test_a_damaged_database_is_replaced_and_kept(data: Path, backup: Path) -> None:
    (data / DATABASE).write_bytes(b"not a database at all" * 100)
    assert restore(data, backup) == 0
    assert (fleet_of(data)).generation == 2
    [kept] = data.glob(f"{DATABASE}.replaced-*")
    assert kept.read_bytes().startswith(b"not a database")


def test_an_empty_directory_gets_the_database_if_it_gets_the_key(
    data: Path, backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = (data / "seal.key").rename(tmp_path / "moved.key")
    assert restore(tmp_path / "new", backup) == 1
    assert "seal.key" in capsys.readouterr().err
    assert list((tmp_path / "new").glob(f"{DATABASE}*")) == []
    assert restore(tmp_path / "new", backup, "--key-file", str(key)) == 0
    assert (fleet_of(tmp_path / "new")).generation == 2
    assert {path.name for path in (tmp_path / "new").iterdir()} == {DATABASE, "controller.lock"}


def test_tokens_that_may_have_been_used_since_are_revoked(data: Path, tmp_path: Path) -> None:
    def add(repositories: Repositories) -> None:
        for each in (token("unused"), token("used", used_at=2.0), token("over", expires_at=2.0)):
            repositories.tokens.add(each)

    within(data, add)
    assert main(["backup", "--data", str(data), "--out", str(tmp_path / "backup.db")]) == 0
    assert restore(data, tmp_path / "backup.db") == 0
    tokens = within(data, lambda repositories: repositories.tokens.all())
    assert {each.id for each in tokens if each.revoked_at} == {"unused"}


def test_restore_refuses_while_a_controller_runs(data: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running, before = SqliteStore.open_alone(data), (data / DATABASE).read_bytes()
    assert restore(data, backup) == 1
    assert "already runs on" in capsys.readouterr().err
    assert (data / DATABASE).read_bytes() == before
    running._close()


def test_a_backup_is_made_while_a_controller_runs(data: Path, tmp_path: Path) -> None:
    running = SqliteStore.open_alone(data)
    assert main(["backup", "--data", str(data)]) == 0
    [made] = (data / "backups").iterdir()
    assert made.name.startswith("by-hand-")
    assert made.stat().st_mode & 0o777 == 0o600
    running._close()


@pytest.mark.parametrize("content", [None, b"", b"text", b"SQLite format 3\0 and no more"])
def test_what_is_no_backup_changes_nothing(
    data: Path, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "wrong.db"
    if content is not None:
        source.write_bytes(content)
    assert restore(data, source) == 1
    said = capsys.readouterr().err
    assert "→" in said
    assert "Traceback" not in said
    assert (fleet_of(data)).generation == 1
    assert list(data.glob("*replaced*")) == []
    assert not (data / "restoring").exists()


def test_the_backup_of_another_fleet_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = made(tmp_path / "other")
    assert main(["backup", "--data", str(other), "--out", str(tmp_path / "other.db")]) == 0
    assert restore(data, tmp_path / "other.db", "--key-file", str(other / "seal.key")) == 1
    assert "is of fleet" in capsys.readouterr().err


def test_a_backup_never_overwrites(data: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = backup.read_bytes()
    assert main(["backup", "--data", str(data), "--out", str(backup)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert backup.read_bytes() == before
    assert main(["backup", "--data", str(data / "none")]) == 1

"""Images that were unpacked once, given to the next server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairlead_cli.lab.unpacked import LAYERS, RECORDS, forget_old, keep, link


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """What a Docker that has loaded an image has in its data folder."""
    folder = tmp_path / "docker"
    layer = folder / LAYERS / "abc" / "diff" / "usr" / "bin"
    records = folder / RECORDS / "overlay2"
    for each in (layer, records, folder / LAYERS / "l", folder / "containers"):
        each.mkdir(parents=True)
    (layer / "program").write_bytes(b"program")
    (layer / "program").chmod(0o755)
    (layer / "sh").symlink_to("program")
    (folder / LAYERS / "l" / "SHORT").symlink_to("../abc/diff")
    (records / "repositories.json").write_text("{}")
    return folder


def test_a_server_gets_layers_and_records_and_nothing_else(docker: Path, tmp_path: Path) -> None:
    target = tmp_path / "volume"
    target.mkdir()
    link(docker, target)
    program = target / LAYERS / "abc" / "diff" / "usr" / "bin" / "program"
    assert program.read_bytes() == b"program"
    assert os.access(program, os.X_OK)
    assert (target / LAYERS / "l" / "SHORT" / "usr" / "bin" / "sh").resolve() == program
    assert sorted(path.name for path in target.iterdir()) == [RECORDS, LAYERS]


def test_records_are_copies_since_a_server_changes_them(docker: Path, tmp_path: Path) -> None:
    target = tmp_path / "volume"
    target.mkdir()
    link(docker, target)
    (target / RECORDS / "overlay2" / "repositories.json").write_text('{"more": 1}')
    assert (docker / RECORDS / "overlay2" / "repositories.json").read_text() == "{}"


def test_what_an_interrupted_try_left_is_replaced(docker: Path, tmp_path: Path) -> None:
    target = tmp_path / "volume"
    (target / LAYERS / "half").mkdir(parents=True)
    link(docker, target)
    assert not (target / LAYERS / "half").exists()
    assert (target / LAYERS / "abc").is_dir()


def test_a_docker_that_keeps_images_in_another_way_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "docker" / "containerd").mkdir(parents=True)
    assert not keep(tmp_path / "docker", tmp_path / "cache" / "servers" / "key")
    assert not (tmp_path / "cache" / "servers" / "key").exists()


def test_what_is_kept_does_not_pile_up(docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_CACHE", str(tmp_path / "cache"))
    kept = [tmp_path / "cache" / "servers" / key for key in ("one", "two", "three")]
    for time, place in enumerate(kept):
        assert keep(docker, place)
        os.utime(place, (time, time))
    forget_old(kept[-1])
    assert [place.is_dir() for place in kept] == [False, True, True]

"""`fairlead bundle` as people and scripts call it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from fairlead_cli import main
from fairlead_cli.images import archive
from fairlead_testing import small_bundle


def test_a_good_bundle_is_called_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_bundle.bundle(tmp_path)
    assert main.main(["bundle", "verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{path} is well: sha256:")
    assert "v0.0.1 for linux/amd64, 2 images" in said


def test_a_bad_bundle_is_code_1_and_a_sentence_for_each_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_bundle.bundle(tmp_path)
    path.write_bytes(path.read_bytes()[:-3000])
    assert main.main(["bundle", "verify", str(path)]) == 1
    said = capsys.readouterr().err
    assert "is truncated" in said
    assert "→ Copy the bundle again, or make it anew." in said
    for command in ("show", "load"):
        assert main.main(["bundle", command, str(path)]) == 1
        assert "is truncated" in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("verify", "show", "load"):
        assert main.main(["bundle", command, str(tmp_path / "none.tar")]) == 1
        assert "There is no file" in capsys.readouterr().err


def test_show_lists_images_with_digests_sizes_and_licences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_bundle.bundle(tmp_path)
    assert main.main(["bundle", "show", str(path)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["IMAGE", "MANIFEST", "ID", "MB", "LICENCE", "PARTS"]
    assert [line.split()[0] for line in lines] == ["example.com/one:1", "example.com/two:1"]
    assert main.main(["bundle", "show", str(path), "two", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in shown["images"]] == ["two"]
    assert shown["digest"].startswith("sha256:")
    assert shown["images"][0]["project"] == {"name": "two", "licence": "NOASSERTION"}


def test_load_writes_an_archive_for_docker(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path, out = small_bundle.bundle(tmp_path), tmp_path / "two.tar"
    assert main.main(["bundle", "load", str(path), "two", "--to", f"docker-archive:{out}"]) == 0
    assert list(archive.image_ids(out)) == ["example.com/two:1"]
    capsysbinary.readouterr()


def test_load_refuses_a_bundle_of_another_digest_and_a_strange_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = small_bundle.bundle(tmp_path), tmp_path / "two.tar"
    other = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
    words = ["bundle", "load", str(path), "--digest", other, "--to", f"docker-archive:{out}"]
    assert main.main(words) == 1
    assert "was asked for" in capsys.readouterr().err
    assert not out.exists()
    assert main.main(["bundle", "load", str(path), "--to", "somewhere"]) == 1
    assert "`somewhere` is no place to load to" in capsys.readouterr().err


def test_create_refuses_a_release_that_it_cannot_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bundle", "create", "--kubernetes", "v1.2.3", "-o", str(tmp_path / "b.tar")]) == 1
    assert "makes v1.37.2, not v1.2.3" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_each_command_has_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("create", "verify", "show", "load"):
        assert main.main(["bundle", command, "--help"]) == 0
        assert f"fairlead bundle {command}" in capsys.readouterr().out.partition("Examples:")[2]

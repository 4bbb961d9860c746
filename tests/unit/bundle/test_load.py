"""Images on their way from a bundle to Docker: the archive that `docker load` reads, as a file and as a pipe."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import IO

import pytest

from fairlead_cli.bundle import docker_archive, load
from fairlead_cli.bundle.opened import chosen, open_bundle
from fairlead_cli.images import archive
from fairlead_cli.images.errors import ImageError
from fairlead_cli.lab.wait import until
from fairlead_testing import small_bundle
from fairlead_wire.errors import Missing


def test_the_archive_is_the_one_that_the_builder_writes(tmp_path: Path) -> None:
    given = small_bundle.two_images(tmp_path / "blobs")
    archive.write([given[1].image], tmp_path / "built.tar")
    bundle = open_bundle(small_bundle.bundle(tmp_path))
    docker_archive.write(bundle, chosen(bundle, ["two"]), tmp_path / "loaded.tar")
    assert (tmp_path / "loaded.tar").read_bytes() == (tmp_path / "built.tar").read_bytes()


def test_a_pipe_gets_every_image_with_its_layers_once(tmp_path: Path) -> None:
    bundle = open_bundle(small_bundle.bundle(tmp_path))
    reader, writer = os.pipe()
    told: list[int] = []
    with os.fdopen(writer, "wb") as stream, os.fdopen(reader, "rb") as source:
        os.set_blocking(reader, True)
        held = io.BytesIO()
        docker_archive.stream(bundle, bundle.document.images, held, told.append)
        stream.write(held.getvalue()[:1000])
        stream.flush()
        assert source.read(1000) == held.getvalue()[:1000]
    (tmp_path / "all.tar").write_bytes(held.getvalue())
    assert archive.image_ids(tmp_path / "all.tar") == {
        reference: entry.id for entry in bundle.document.images for reference in entry.references
    }
    with tarfile.open(tmp_path / "all.tar") as tar:
        assert len(tar.getnames()) == len(set(tar.getnames()))
    assert told == sorted(told)
    assert told[-1] == len(held.getvalue())


def test_images_are_chosen_by_recipe_and_by_reference(tmp_path: Path) -> None:
    bundle = open_bundle(small_bundle.bundle(tmp_path))
    assert [one.name for one in chosen(bundle, [])] == ["one", "two"]
    assert [one.name for one in chosen(bundle, ["example.com/two:1"])] == ["two"]
    with pytest.raises(Missing, match="no image `three`") as told:
        chosen(bundle, ["one", "three"])
    assert told.value.next_step == "Choose from: one, two."


def test_a_client_that_ends_early_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "echo unpacking; echo 'no space left on device' >&2; exit 1")
    with pytest.raises(ImageError, match="failed: no space left on device"):
        load.send(much, "unix:///nowhere")


def test_a_client_that_hangs_is_ended_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(ImageError, match="did not take them within 0 s"):
        load.send(much, "unix:///nowhere", 0.2)


def much(stream: IO[bytes]) -> None:
    """More than a pipe holds."""
    for _ in range(100):
        stream.write(bytes(1 << 16))


def test_ctrl_c_ends_the_client_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec cat > {tmp_path}/got")

    def interrupted(stream: IO[bytes]) -> None:
        stream.write(b"half")
        stream.flush()
        until(lambda: (tmp_path / "got").exists(), what="the client reads", timeout=10, advice=str)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load.send(interrupted, "unix:///nowhere")
    process = int((tmp_path / "pid").read_text(encoding="ascii"))
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `docker` that does what the script says."""
    path = folder / "bin" / "docker"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

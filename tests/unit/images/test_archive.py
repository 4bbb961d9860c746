"""Archives: the same content is the same bytes, whoever builds it and whenever."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from fairlead_cli.images import archive, docker_build, layers, static_image
from fairlead_cli.images.job import Job
from fairlead_cli.images.progress import Step, silent
from fairlead_cli.images.recipe import Recipe

RECIPE = Recipe(
    images=("example.com/tool:1",),
    kind="static",
    entrypoint=("/usr/bin/tool",),
    files={"/etc/tool.conf": "tool.conf"},
    links={"/tool": "/usr/bin/tool"},
    environment={"MODE": "quiet"},
)


def build(folder: Path, content: bytes = b"#!program", when: int = 1_700_000_000) -> Path:
    """A static image of one program; its files have the given time."""
    (folder / "recipe").mkdir(parents=True)
    (folder / "scratch").mkdir()
    program = folder / "tool"
    program.write_bytes(content)
    (folder / "recipe" / "tool.conf").write_text("x = 1\n", encoding="utf-8")
    os.utime(program, (when, when))
    out = folder / "out.tar"
    step = Step("tool", silent, time.monotonic)
    job = Job(RECIPE, folder / "recipe", "0123", "amd64", out, folder / "scratch", step)
    static_image.build(job, {"/usr/bin/tool": program})
    return out


def read(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        stream = tar.extractfile(name)
        assert stream is not None
        return stream.read()


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    one = build(tmp_path / "one", when=1_600_000_000)
    other = build(tmp_path / "other", when=1_800_000_000)
    assert one.read_bytes() == other.read_bytes()


def test_another_program_is_another_image(tmp_path: Path) -> None:
    one, other = build(tmp_path / "one"), build(tmp_path / "other", b"changed")
    assert archive.image_ids(one) != archive.image_ids(other)


def test_the_image_id_is_the_digest_of_a_configuration_that_lists_the_layer(tmp_path: Path) -> None:
    out = build(tmp_path / "one")
    [entry] = archive.read_entries(out)
    config = read(out, entry["Config"])
    assert archive.image_ids(out) == {"example.com/tool:1": f"sha256:{hashlib.sha256(config).hexdigest()}"}
    layer = hashlib.sha256(read(out, entry["Layers"][0])).hexdigest()
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{layer}"]
    assert json.loads(config)["config"]["Entrypoint"] == ["/usr/bin/tool"]
    assert "MODE=quiet" in json.loads(config)["config"]["Env"]


def test_the_oci_index_leads_to_the_same_image(tmp_path: Path) -> None:
    out = build(tmp_path / "one")
    [described] = json.loads(read(out, "index.json"))["manifests"]
    manifest = read(out, f"{archive.BLOBS}/{described['digest'].removeprefix('sha256:')}")
    assert described["digest"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert json.loads(manifest)["config"]["digest"] in archive.image_ids(out).values()
    assert described["annotations"]["io.containerd.image.name"] == "example.com/tool:1"


def test_the_layer_has_folders_links_and_modes(tmp_path: Path) -> None:
    out = build(tmp_path / "one")
    layer = read(out, archive.read_entries(out)[0]["Layers"][0])
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        found = {member.name: member for member in tar}
    assert found["usr/bin"].isdir()
    assert found["usr/bin/tool"].mode == 0o755
    assert found["etc/tool.conf"].mode == 0o644
    assert found["tool"].linkname == "/usr/bin/tool"
    assert found["tmp"].mode == 0o1777
    assert {member.mtime for member in found.values()} == {archive.EPOCH}


def docker_saved(folder: Path, stamp: float) -> Path:
    """An archive as an old `docker save` writes it, of an image built at a moment."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo("etc/motd")
        entry.size, entry.mtime, entry.uname = 2, stamp, "builder"
        entry.pax_headers = {"SCHILY.xattr.security.capability": "kept"}
        tar.addfile(entry, io.BytesIO(b"hi"))
    config = {
        "architecture": "amd64",
        "created": str(stamp),
        "container": "abc",
        "config": {"Cmd": ["sh"], "Hostname": f"h{stamp}", "Image": "sha256:1"},
        "history": [{"created": str(stamp), "created_by": "RUN x", "empty_layer": True}],
    }
    parts = {
        "c.json": json.dumps(config).encode(),
        "1/layer.tar": layer.getvalue(),
        "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["1/layer.tar"]}]).encode(),
    }
    out = folder / f"saved-{stamp}.tar"
    with tarfile.open(out, "w") as tar:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out


def normalised(folder: Path, stamp: float) -> Path:
    scratch = folder / f"scratch-{stamp}"
    scratch.mkdir()
    step = Step("tool", silent, time.monotonic)
    job = Job(RECIPE, folder, "0123", "amd64", folder / f"out-{stamp}.tar", scratch, step)
    docker_build.normalise(docker_saved(folder, stamp), job, set())
    return job.out


def test_what_docker_built_at_two_moments_comes_out_the_same(tmp_path: Path) -> None:
    one, other = normalised(tmp_path, 1_790_000_000.25), normalised(tmp_path, 1_790_000_999.5)
    assert one.read_bytes() == other.read_bytes()
    [entry] = archive.read_entries(one)
    assert json.loads(read(one, entry["Config"]))["config"] == {"Cmd": ["sh"]}


def test_what_a_layer_says_beside_times_survives(tmp_path: Path) -> None:
    out = normalised(tmp_path, 1_790_000_000.25)
    layer = read(out, archive.read_entries(out)[0]["Layers"][0])
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        [member] = tar.getmembers()
    assert member.pax_headers == {"SCHILY.xattr.security.capability": "kept"}
    assert (member.mtime, member.uname) == (archive.EPOCH, "")


def test_files_of_the_building_machine_are_left_out(tmp_path: Path) -> None:
    source, out = tmp_path / "in.tar", tmp_path / "out.tar"
    layers.write({"/etc/hostname": layers.File(b"vm"), "/etc/os-release": layers.File(b"x")}, source)
    layers.normalise(source, out, frozenset({"etc/hostname"}))
    with tarfile.open(out) as tar:
        assert tar.getnames() == ["etc", "etc/os-release"]


def test_an_archive_without_a_manifest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.tar"
    with tarfile.open(path, "w"):
        pass
    with pytest.raises(ValueError, match=r"empty\.tar has no manifest"):
        archive.read_entries(path)

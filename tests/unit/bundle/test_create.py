"""A bundle that is made: one OCI layout, the same bytes everywhere, whole or not there."""

from __future__ import annotations

import errno
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fairlead_cli.bundle import create, whole
from fairlead_cli.bundle.contents import Given
from fairlead_cli.bundle.opened import open_bundle
from fairlead_cli.images import archive
from fairlead_testing import small_bundle
from fairlead_wire.errors import Invalid, Refused


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: read.read() for member in tar if (read := tar.extractfile(member))}


def blob(found: dict[str, bytes], descriptor: dict[str, Any]) -> dict[str, Any]:
    content = found["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
    assert len(content) == descriptor["size"]
    document: dict[str, Any] = json.loads(content)
    return document


def test_two_places_make_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "a" / "longer" / "place"
    for folder in (one, other):
        folder.mkdir(parents=True)
    here = small_bundle.filled(small_bundle.two_images(one / "blobs"))
    there = small_bundle.filled(small_bundle.two_images(other / "blobs")[::-1])
    create.write(here, one / "x.tar", small_bundle.step())
    create.write(there, other / "y.tar", small_bundle.step())
    assert (one / "x.tar").read_bytes() == (other / "y.tar").read_bytes()
    assert here.digest == there.digest
    assert (one / "x.tar").stat().st_size == here.length


def test_another_image_is_another_digest(tmp_path: Path) -> None:
    one = small_bundle.filled([small_bundle.image(tmp_path, "one", small_bundle.BASE)])
    other = small_bundle.filled([small_bundle.image(tmp_path, "one", {"/etc/base": b"changed"})])
    assert one.digest != other.digest


def test_it_is_an_oci_layout_whose_index_leads_to_an_artifact_and_to_images(tmp_path: Path) -> None:
    found = members(small_bundle.bundle(tmp_path))
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    bundle, *images = json.loads(found["index.json"])["manifests"]
    artifact = blob(found, bundle)
    assert artifact["artifactType"] == bundle["artifactType"] == "application/vnd.fairlead.bundle.v1+json"
    assert artifact["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    told = blob(found, artifact["layers"][0])
    assert (told["release"], told["platform"]) == ("v0.0.1", "linux/amd64")
    assert [one["manifest"] for one in told["images"]] == [one["digest"] for one in images]
    for entry, descriptor in zip(told["images"], images, strict=True):
        assert descriptor["annotations"]["io.containerd.image.name"] == entry["references"][0]
        manifest = blob(found, descriptor)
        assert manifest["config"]["digest"] == entry["id"]
        assert entry["size"] == manifest["config"]["size"] + sum(one["size"] for one in manifest["layers"])


def test_a_layer_that_two_images_have_is_there_once(tmp_path: Path) -> None:
    with tarfile.open(small_bundle.bundle(tmp_path)) as tar:
        names = [member.name for member in tar]
    assert len(names) == len(set(names))
    layers = [layer.digest for given in small_bundle.two_images(tmp_path / "again") for layer in given.image.layers]
    assert len(layers) == 4
    assert len({name for name in names if name.rpartition("/")[2] in layers}) == 3


def test_an_image_that_has_one_layer_twice_is_well(tmp_path: Path) -> None:
    twice = small_bundle.image(tmp_path, "twice", small_bundle.BASE, small_bundle.BASE)
    create.write(small_bundle.filled([twice]), tmp_path / "b.tar", small_bundle.step())
    assert open_bundle(tmp_path / "b.tar").document.images[0].size > 0


def test_documents_come_before_layers(tmp_path: Path) -> None:
    with tarfile.open(small_bundle.bundle(tmp_path)) as tar:
        names = [member.name for member in tar]
    layers = {layer.digest for given in small_bundle.two_images(tmp_path / "again") for layer in given.image.layers}
    assert names[:2] == ["oci-layout", "index.json"]
    assert {name.rpartition("/")[2] for name in names[-3:]} == layers


def test_a_program_comes_along(tmp_path: Path) -> None:
    (tmp_path / "kubectl").write_bytes(b"\x7fELF no Go program")
    made = small_bundle.filled(small_bundle.two_images(tmp_path), {"kubectl": tmp_path / "kubectl"})
    create.write(made, tmp_path / "b.tar", small_bundle.step())
    [program] = open_bundle(tmp_path / "b.tar").document.programs
    assert members(tmp_path / "b.tar")[f"blobs/sha256/{program.digest[7:]}"] == b"\x7fELF no Go program"
    assert program.project.name == "Kubernetes"


def test_images_in_archives_of_ours_are_taken_from_where_they_lie(tmp_path: Path) -> None:
    given = small_bundle.two_images(tmp_path / "blobs")
    placed = []
    for one in given:
        archive.write([one.image], tmp_path / f"{one.name}.tar")
        placed += [Given(one.name, image) for image in archive.in_place(tmp_path / f"{one.name}.tar")]
    assert small_bundle.filled(placed).digest == small_bundle.filled(given).digest


def test_images_of_two_platforms_are_refused(tmp_path: Path) -> None:
    here = small_bundle.image(tmp_path, "here", small_bundle.BASE)
    there = small_bundle.image(tmp_path, "there", small_bundle.BASE, architecture="arm64")
    with pytest.raises(Invalid, match=r"linux/amd64, linux/arm64"):
        small_bundle.filled([here, there])


def test_a_layer_that_changed_on_disk_makes_no_bundle(tmp_path: Path) -> None:
    given = small_bundle.two_images(tmp_path / "blobs")
    made = small_bundle.filled(given)
    path = given[0].image.layers[1].path
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(Invalid, match="is corrupted"):
        create.write(made, tmp_path / "b.tar", small_bundle.step())
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")], ids=type)
def test_what_ends_in_the_middle_leaves_the_old_file(tmp_path: Path, end: BaseException) -> None:
    out = tmp_path / "b.tar"
    out.write_bytes(b"the old one")

    def ends() -> None:
        with whole.writing(out, 10) as stream:
            stream.write(b"half")
            raise end

    with pytest.raises((KeyboardInterrupt, Refused)):
        ends()
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    assert out.read_bytes() == b"the old one"


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).free + 1_000_000_000
    with pytest.raises(Refused, match="has no room for") as told, whole.writing(tmp_path / "b.tar", total):
        pytest.fail("it began")
    assert told.value.next_step == "Make room, or write to another disk."
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    made = small_bundle.filled(small_bundle.two_images(tmp_path / "blobs"))
    with pytest.raises(Refused, match="There is no folder"):
        create.write(made, tmp_path / "nowhere" / "b.tar", small_bundle.step())

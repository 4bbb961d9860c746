"""A bundle's images in a real Docker Engine: they have the ids of the bundle's manifest, and run."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.bundle import create, docker_archive, load
from fairlead_cli.bundle.contents import Given
from fairlead_cli.bundle.opened import Bundle, open_bundle
from fairlead_cli.images import archive
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.errors import ImageError
from fairlead_testing import small_bundle
from fairlead_testing.engine_image import root_filesystem

pytestmark = pytest.mark.engine
NAMES = ("one", "two")


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def runnable(folder: Path, name: str) -> Given:
    """An image with a shell, on a layer that others share, and a file of its own."""
    (folder / "root.tar").write_bytes(root_filesystem())
    root = archive.adopt_blob(folder, folder / "root.tar")
    own = small_bundle.layer(folder, {"/name": f"layer of {name}\n".encode()})
    settings = {"Entrypoint": ["/bin/cat", "/name"]}
    document = archive.configuration(settings, [root, own], "amd64", "a test")
    config = archive.add_blob(folder, archive.canonical(document))
    return Given(name, archive.Image(config, (root, own), (f"example.com/bundle-{name}:1",)))


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    """A bundle of two images that run; they are gone from the Engine afterwards."""
    made = small_bundle.filled([runnable(tmp_path, name) for name in NAMES])
    create.write(made, tmp_path / "b.tar", small_bundle.step())
    opened = open_bundle(tmp_path / "b.tar")
    references = [entry.references[0] for entry in opened.document.images]
    subprocess.run(["docker", "image", "rm", *references], check=False, capture_output=True, timeout=60)
    yield opened
    subprocess.run(["docker", "image", "rm", *references], check=False, capture_output=True, timeout=60)


def test_what_is_loaded_has_the_ids_of_the_manifest_and_runs(bundle: Bundle) -> None:
    entries = bundle.document.images
    assert load.to_engine(bundle, entries, Engine(), small_bundle.step()) == list(entries)
    for entry in entries:
        assert docker("image", "inspect", "--format", "{{.Id}}", entry.references[0]) in (entry.id, entry.manifest)
        assert docker("run", "--rm", "--network", "none", entry.references[0]) == f"layer of {entry.name}"
    assert load.to_engine(bundle, entries, Engine(), small_bundle.step()) == []


def test_what_docker_saves_of_it_has_the_layers_of_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    entries = bundle.document.images
    load.to_engine(bundle, entries, Engine(), small_bundle.step())
    docker("save", "--output", str(tmp_path / "saved.tar"), entries[0].references[0])
    (tmp_path / "saved").mkdir()
    [image] = archive.unpack(tmp_path / "saved.tar", tmp_path / "saved")
    assert [f"sha256:{layer.digest}" for layer in image.layers] == [
        layer.digest for layer in bundle.stored(entries[0]).layers
    ]


def test_a_broken_stream_is_refused_by_docker_and_told(bundle: Bundle) -> None:
    held = io.BytesIO()
    docker_archive.stream(bundle, bundle.document.images, held, lambda _: None)
    with tarfile.open(fileobj=io.BytesIO(held.getvalue())) as tar:
        cut = tar.getmembers()[-1].offset_data + 100
    with pytest.raises(ImageError, match=r"`docker load` at .* failed: "):
        load.send(lambda stream: stream.write(held.getvalue()[:cut]), Engine().host)

"""`fairlead bundle import` and `fairlead images`, against a running controller."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fairlead_controller.images.fleet_images import StoredImages
from fairlead_controller.plan.catalogue import REGISTRY_IMAGE
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.fleet_images import put, small_image
from fairlead_testing.served_controller import wait_until
from fairlead_testing.small_bundle import bundle

ONE, TWO = "example.com/one:1", "example.com/two:1"
AT = "192.0.2.10:7072"


@pytest.fixture
def images(beside: ThreadedServer) -> StoredImages:
    """Those of a controller that runs a registry."""

    async def serve() -> None:
        beside.server.images.serve_at(AT)

    beside.do(serve())
    return beside.server.images


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return bundle(tmp_path)


def blobs_of(images: StoredImages) -> set[str]:
    return {digest for image in images.all().values() for digest in (image.digest, *image.blobs)}


def test_import_sends_a_bundle_once(fairlead: Run, images: StoredImages, file: Path) -> None:
    first = fairlead("bundle", "import", str(file))
    assert first.code == 0, first.err
    assert first.out.startswith("2 of 2 images new or changed; 5 blobs sent, ")
    assert f"Nodes get them from {AT}." in first.out
    again = fairlead("bundle", "import", str(file), "-o", "json")
    done = json.loads(again.out)
    assert (done["sent_blobs"], done["sent_bytes"], done["registry"]) == (0, 0, AT)
    assert [(one["reference"], one["new"]) for one in done["images"]] == [(ONE, False), (TWO, False)]
    assert [one["digest"] for one in done["images"]] == [image.digest for image in images.all().values()]


def test_import_goes_on_where_it_was(fairlead: Run, images: StoredImages, file: Path) -> None:
    assert fairlead("bundle", "import", str(file), "one").code == 0
    assert list(images.all()) == [ONE]
    done = json.loads(fairlead("bundle", "import", str(file), "-o", "json").out)
    assert done["sent_blobs"] == 2  # the lower layer is both images'
    assert [(one["reference"], one["new"]) for one in done["images"]] == [(ONE, False), (TWO, True)]


@pytest.mark.parametrize("harm", ["changed", "cut", "another"])
def test_a_bundle_that_is_not_well_imports_nothing(fairlead: Run, images: StoredImages, file: Path, harm: str) -> None:
    content = bytearray(file.read_bytes())
    content[-5000] ^= 1
    if harm == "another":
        said = fairlead("bundle", "import", str(file), "--digest", "sha256:" + "0" * 64)
    else:
        file.write_bytes(content if harm == "changed" else content[:-5000])
        said = fairlead("bundle", "import", str(file))
    assert said.code == 1
    assert "→" in said.err
    assert (dict(images.all()), images.folder.exists()) == ({}, False)


def test_without_a_registry_import_says_so(fairlead: Run, beside: ThreadedServer, file: Path) -> None:
    said = fairlead("bundle", "import", str(file))
    assert said.code == 0
    assert "The controller runs no registry now" in said.out


def test_import_asks_for_an_admin(fairlead: Run, beside: ThreadedServer, file: Path) -> None:
    from fairlead_wire.identity import Role

    beside.context("viewer", Role.VIEWER)
    said = fairlead("--context", "viewer", "bundle", "import", str(file))
    assert said.code == 1
    assert "takes the role admin" in said.err


def test_import_goes_on_by_itself_when_the_line_is_cut(
    fairlead: Run, beside: ThreadedServer, images: StoredImages, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = beside.wire("cut")
    add = images.add_blob
    cuts: list[int] = []

    async def cutting(*arguments: Any) -> None:
        if len(cuts) < 2:
            cuts.append(1)
            await wire.cut()
        await add(*arguments)

    monkeypatch.setattr(images, "add_blob", cutting)
    said = fairlead("--context", "cut", "bundle", "import", str(file))
    assert (said.code, len(cuts)) == (0, 2), said.err
    assert sorted(images.all()) == [ONE, TWO]


def test_ls_names_the_seed_of_a_zone(fairlead: Run, beside: ThreadedServer, images: StoredImages) -> None:
    for name in ("lab-1", "lab-2", "lab-3"):
        beside.agent(name)
    beside.do(put(images, REGISTRY_IMAGE, small_image(b"program")))
    ahead = f"Nodes get them from lab-1 without a zone (which does not answer yet), {AT}."
    wait_until(lambda: ahead in fairlead("images", "ls").err)
    [seed] = json.loads(fairlead("images", "ls", "-o", "json").out)["seeds"]
    assert seed == {"zone": "", "node": "nodes/lab-1", "at": ""}


def test_ls_and_rm(fairlead: Run, beside: ThreadedServer, images: StoredImages) -> None:
    beside.do(put(images, "shop:1", small_image(b"one" * 1000)))
    listed = fairlead("images", "ls")
    assert "docker.io/library/shop:1" in listed.out
    assert f"1 image, 11 KiB on the controller's disk. Nodes get them from {AT}." in listed.err
    found = json.loads(fairlead("images", "ls", "-o", "json").out)
    assert [image["reference"] for image in found["images"]] == ["docker.io/library/shop:1"]
    gone = fairlead("images", "rm", "shop:1")
    assert (gone.code, gone.out) == (0, "docker.io/library/shop:1 is gone; nothing yet freed.\n")
    again = fairlead("images", "rm", "shop:1", "-o", "json")
    assert again.code == 1
    assert "no image docker.io/library/shop:1" in again.err
    assert "0 images" in fairlead("images", "ls").err


def test_ctrl_c_leaves_what_was_sent_and_no_half(
    beside: ThreadedServer, images: StoredImages, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, add, seen = asyncio.Event(), images.add_blob, []

    async def waiting(*arguments: Any) -> None:
        seen.append(arguments[0])
        if len(seen) == 2:
            reached.set()
            await asyncio.Event().wait()
        await add(*arguments)

    monkeypatch.setattr(images, "add_blob", waiting)
    program = "import sys; from fairlead_cli.main import run; sys.exit(run())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    words = [sys.executable, "-c", program, "bundle", "import", str(file)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    beside.do(reached.wait())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
    monkeypatch.setattr(images, "add_blob", add)
    assert images.missing(seen[:1]) == ()
    assert images.missing(seen[1:]) == tuple(seen[1:])
    assert not list((images.folder / "incoming").iterdir())

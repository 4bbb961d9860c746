"""The fleet's registry in a lab: it runs, and a bundle goes into it once."""

from __future__ import annotations

import secrets
from pathlib import Path

from fairlead_cli.bundle import create
from fairlead_cli.lab import controller_process, front, network
from fairlead_testing import small_bundle

from .conftest import RunningLab

ONE = "example.com/one:1"


def new_bundle(folder: Path) -> Path:
    """Of one image with one layer, which no lab has yet: what is deleted stays for an hour."""
    image = small_bundle.image(folder / "blobs", "one", {"/one": secrets.token_bytes(16)})
    create.write(small_bundle.filled([image], {}), folder / "new.tar", small_bundle.step())
    return folder / "new.tar"


def test_a_bundle_goes_into_the_registry_once(lab: RunningLab, tmp_path: Path) -> None:
    file = str(new_bundle(tmp_path))
    at = f"{network.addresses(lab.lab).host}:{controller_process.REGISTRY_PORT}"
    try:
        first = front.fairlead_json(lab.lab, "bundle", "import", file)
        assert (first["registry"], first["sent_blobs"]) == (at, 2)
        again = front.fairlead_json(lab.lab, "bundle", "import", file)
        assert (again["sent_blobs"], again["sent_bytes"]) == (0, 0)
        assert ONE in [image["reference"] for image in front.fairlead_json(lab.lab, "images", "ls")["images"]]
    finally:
        front.fairlead(lab.lab, "images", "rm", ONE)

"""The fleet's registry in a lab: it runs, and a bundle goes into it once."""

from __future__ import annotations

from pathlib import Path

from fairlead_cli.lab import controller_process, front, network
from fairlead_testing.small_bundle import bundle

from .conftest import RunningLab

ONE = "example.com/one:1"


def test_a_bundle_goes_into_the_registry_once(lab: RunningLab, tmp_path: Path) -> None:
    file = str(bundle(tmp_path))
    at = f"{network.addresses(lab.lab).host}:{controller_process.REGISTRY_PORT}"
    try:
        first = front.fairlead_json(lab.lab, "bundle", "import", file)
        assert (first["registry"], first["sent_blobs"]) == (at, 5)
        again = front.fairlead_json(lab.lab, "bundle", "import", file)
        assert (again["sent_blobs"], again["sent_bytes"]) == (0, 0)
        assert ONE in [image["reference"] for image in front.fairlead_json(lab.lab, "images", "ls")["images"]]
    finally:
        front.fairlead(lab.lab, "images", "rm", ONE, "example.com/two:1")

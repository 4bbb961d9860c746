"""An image built from source in two places, by two caches: bundles of it have one digest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fairlead_cli.bundle import create
from fairlead_cli.images.builder import CHECKOUT, Builder
from fairlead_cli.images.cache import Cache
from fairlead_cli.images.recipe import RECIPES
from fairlead_testing import small_bundle

IMAGE, PARTS = "pause", ("pause", "go/kubernetes")  # the quickest: one C file of a Go module


def built(checkout: Path, cache: Path) -> str:
    """The digest of a bundle of the image, built in a checkout that has only what it takes."""
    for part in PARTS:
        shutil.copytree(CHECKOUT / RECIPES / part, checkout / RECIPES / part)
    builder = Builder(checkout, cache=Cache(cache), source="source")
    given = list(create.given_from(builder.build([IMAGE]).values(), cache))
    made = small_bundle.filled(given)
    create.write(made, cache / "b.tar", small_bundle.step())
    return made.digest


@pytest.mark.long
def test_two_builds_from_source_are_one_bundle(tmp_path: Path) -> None:
    one = built(tmp_path / "one", tmp_path / "cache")
    other = built(tmp_path / "somewhere" / "else", tmp_path / "other" / "cache")
    assert one == other
    assert (tmp_path / "cache" / "b.tar").read_bytes() == (tmp_path / "other" / "cache" / "b.tar").read_bytes()

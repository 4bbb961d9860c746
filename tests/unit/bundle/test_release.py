"""What belongs to a release: all that the planner gives to nodes, and what Fairlead itself is."""

from __future__ import annotations

import pytest

from fairlead_cli.bundle import release
from fairlead_cli.bundle.projects import PROJECTS
from fairlead_cli.images.builder import CHECKOUT
from fairlead_cli.images.recipe import load
from fairlead_cli.lab import images as lab
from fairlead_controller.plan import catalogue
from fairlead_wire.errors import Invalid

VERSION = "v1.37.2"


def test_every_image_of_the_catalogue_is_in_the_bundle() -> None:
    recipes = load(CHECKOUT)
    names = release.recipes_for(VERSION, recipes)
    tags = {image for name in names for image in recipes.recipes[name].images}
    assert set(catalogue.release(VERSION).images.values()) <= tags
    assert {"agent", "controller", "registry"} <= set(names)


def test_a_bundle_for_the_lab_has_all_that_the_lab_loads() -> None:
    names = release.recipes_for(VERSION, load(CHECKOUT), for_lab=True)
    assert {*lab.ON_SERVERS, *lab.FOR_THE_LAB, lab.AGENT} <= set(names)


def test_another_release_is_refused_with_the_one_that_can_be_made() -> None:
    with pytest.raises(Invalid, match=r"makes v1\.37\.2, not v1\.30\.0") as told:
        release.recipes_for("v1.30.0", load(CHECKOUT))
    assert told.value.next_step.startswith("Write --kubernetes v1.37.2")


def test_every_image_and_program_has_a_project_with_a_licence() -> None:
    names = release.recipes_for(VERSION, load(CHECKOUT), for_lab=True)
    assert {*names, *release.LAB_PROGRAMS} <= set(PROJECTS)

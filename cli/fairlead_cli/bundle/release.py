"""Which images a cluster of a release needs: recipes by name, from the checkout that builds them."""

from __future__ import annotations

from fairlead_cli.images.recipe import Recipes
from fairlead_wire.errors import Invalid

VERSIONED = "kube-apiserver"  # the recipe whose tag is the release's name
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "api-proxy",
    "cri-dockerd",
    "kubelet",
    "kube-proxy",
    "flannel",
    "coredns",
    "pause",
)
OWN = ("agent", "controller")
REGISTRY = "registry"  # runs beside the controller and, as a pull-through cache, on each zone's seed
EVERYWHERE = (*COMPONENTS, *OWN, REGISTRY)
FOR_THE_LAB = ("python-base", "lab-node", "nginx")
"""What `fairlead lab up --bundle` needs beside: servers, their first layers, and the pod that it walks through."""
LAB_PROGRAMS = ("kubectl",)


def version_of(recipes: Recipes) -> str:
    """The release that a checkout builds, such as "v1.37.2"."""
    return recipes.recipes[VERSIONED].images[0].rpartition(":")[2]


def recipes_for(version: str, recipes: Recipes, *, for_lab: bool = False) -> list[str]:
    """The names of the recipes of a release, sorted. Raises Invalid if this checkout builds another one."""
    builds = version_of(recipes)
    if version != builds:
        advice = f"Write --kubernetes {builds}, or use the version of Fairlead that has {version}."
        raise Invalid(f"This version of Fairlead makes {builds}, not {version}.", advice)
    return sorted([*EVERYWHERE, *(FOR_THE_LAB if for_lab else ())])

"""The recipes under deploy/images/ load, name every image that the product runs, and mistakes in one are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_cli.images import recipe
from fairlead_cli.images.builder import CHECKOUT
from fairlead_controller.plan.catalogue import REGISTRY_IMAGE
from fairlead_wire.errors import Invalid
from fairlead_wire.references import full_reference

NEEDED = [
    "registry.k8s.io/etcd:3.7.3-0",
    "registry.k8s.io/kube-apiserver:v1.37.2",
    "registry.k8s.io/kube-controller-manager:v1.37.2",
    "registry.k8s.io/kube-scheduler:v1.37.2",
    "registry.k8s.io/kube-proxy:v1.37.2",
    "registry.k8s.io/coredns/coredns:v1.14.7",
    "registry.k8s.io/pause:3.10.2",
    "ghcr.io/flannel-io/flannel:v0.28.10",
    "fairlead/kubelet:v1.37.2",
    "fairlead/cri-dockerd:0.4.0",
    "fairlead/api-proxy:3.0",
    "fairlead/lab-node:1",
    "fairlead/registry:3.1.2",
    "docker.io/library/nginx:latest",
    "fairlead/agent:0.1.0",
    "fairlead/controller:0.1.0",
]

STATIC = 'images = ["a/b:1"]\nkind = "static"\nentrypoint = ["/b"]\n'


@pytest.fixture(scope="module")
def shipped() -> recipe.Recipes:
    return recipe.load(CHECKOUT)


def write(folder: Path, **files: str) -> Path:
    """A checkout with the given recipes by name."""
    for name, text in files.items():
        path = folder / recipe.RECIPES / name / "recipe.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("image", NEEDED)
def test_every_image_that_a_cluster_or_the_lab_runs_has_a_recipe(shipped: recipe.Recipes, image: str) -> None:
    assert image in shipped.recipes[shipped.find(image)].images


def test_an_image_is_found_by_the_short_name_that_docker_shows(shipped: recipe.Recipes) -> None:
    assert shipped.find("nginx:latest") == "nginx"
    assert shipped.find("docker.io/fairlead/registry:3.1.2") == "registry"


def test_what_seeds_run_is_what_the_recipe_makes(shipped: recipe.Recipes) -> None:
    assert full_reference(shipped.recipes["registry"].images[0]) == REGISTRY_IMAGE


def test_a_wrong_name_gets_the_list_of_right_ones(shipped: recipe.Recipes) -> None:
    with pytest.raises(Invalid, match=r"no image `ngimx`.*kube-proxy.*nginx"):
        shipped.find("ngimx")


def test_each_dockerfile_stands_on_the_base_that_its_recipe_names(shipped: recipe.Recipes) -> None:
    for name, one in shipped.recipes.items():
        if one.kind == "dockerfile":
            text = (shipped.recipe_folder(name) / "Dockerfile").read_text(encoding="utf-8")
            first = next(line for line in text.splitlines() if line.startswith("FROM "))
            base = shipped.recipes[one.base].images[0]
            assert first == f"FROM {recipe.short(base)}", name


def test_kubectl_comes_from_the_kubernetes_module(shipped: recipe.Recipes) -> None:
    assert shipped.module_of("kubectl") == "kubernetes"


def test_every_go_program_is_a_tool_of_its_pinned_module(shipped: recipe.Recipes) -> None:
    for name, module in shipped.modules.items():
        folder = shipped.module_folder(name)
        pinned = (folder / "go.mod").read_text(encoding="utf-8")
        assert (folder / "go.sum").stat().st_size > 0
        for package in module.binaries.values():
            assert package in pinned


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    checkout = write(
        tmp_path,
        untagged='images = ["a/b"]\nkind = "static"\nentrypoint = ["/b"]\n',
        unknown=STATIC + "colour = 1\n",
        broken="images = [",
        homeless='images = ["a/c:1"]\nkind = "dockerfile"\nbase = "nowhere"\n',
        foreign=STATIC + '[[binaries]]\nmodule = "none"\nname = "b"\npath = "/b"\n',
        fileless=STATIC + '[files]\n"/etc/b" = "absent"\n',
    )
    with pytest.raises(Invalid) as caught:
        recipe.load(checkout)
    told = "\n".join(map(str, caught.value.problems))
    for part in ("untagged", "needs a tag", "colour", "broken/", "`nowhere`", "no `b`", "`absent`"):
        assert part in told


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('images = ["a:1"]\nkind = "static"\n', "entrypoint"),
        ('images = ["a:1"]\nkind = "dockerfile"\n', "base"),
        ('images = ["a:1"]\nkind = "debian"\n', "suite"),
        ('images = []\nkind = "debian"\nsuite = "x"\n', "at least 1 item"),
        (STATIC + '[[binaries]]\nmodule = "m"\nname = "b"\n', "path"),
        (STATIC + '[links]\n"relative" = "/b"\n', "must start with a slash"),
    ],
)
def test_a_recipe_that_lacks_what_its_kind_needs_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(Invalid) as caught:
        recipe.load(write(tmp_path, one=text))
    assert complaint in str(caught.value.problems)


def test_outside_a_checkout_the_message_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Run this from a checkout"):
        recipe.load(tmp_path)

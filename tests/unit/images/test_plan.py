"""The plan: bases first, quick images first, nothing built that is there or can be had."""

from __future__ import annotations

from fairlead_cli.images.plan import plan, programs
from fairlead_cli.images.recipe import Binary, Recipe


def image(name: str, base: str = "", module: str = "") -> Recipe:
    binaries = (Binary(module=module, name=name, path="/x"),) if module else ()
    if base:
        return Recipe(images=(f"{name}:1",), kind="dockerfile", base=base, binaries=binaries)
    return Recipe(images=(f"{name}:1",), kind="static", entrypoint=("/x",), binaries=binaries)


RECIPES = {
    "kubelet": image("kubelet", base="network", module="kubernetes"),
    "proxy": image("proxy", base="network", module="kubernetes"),
    "etcd": image("etcd", module="etcd"),
    "network": image("network", base="debian"),
    "debian": image("debian"),
}


def never(_: str) -> bool:
    return False


def test_each_base_comes_before_what_stands_on_it() -> None:
    planned = plan(RECIPES, ["kubelet"], never, never)
    assert [(one.name, one.wanted) for one in planned] == [
        ("debian", False),
        ("network", False),
        ("kubelet", True),
    ]


def test_a_base_of_a_cached_image_is_not_needed() -> None:
    planned = plan(RECIPES, ["kubelet"], {"kubelet"}.__contains__, never)
    assert [(one.name, one.how) for one in planned] == [("kubelet", "cached")]


def test_what_a_registry_has_is_pulled_unless_it_is_cached() -> None:
    planned = plan(RECIPES, ["etcd", "debian"], {"etcd"}.__contains__, {"etcd", "debian"}.__contains__)
    assert {one.name: one.how for one in planned} == {"etcd": "cached", "debian": "pull"}


def test_no_registry_is_asked_about_what_is_cached() -> None:
    def refuse(name: str) -> bool:
        raise AssertionError(name)

    plan(RECIPES, list(RECIPES), lambda _: True, refuse)


def test_quick_images_come_before_those_that_take_a_compiler() -> None:
    planned = [one.name for one in plan(RECIPES, list(RECIPES), never, never)]
    assert planned.index("network") < planned.index("etcd") < planned.index("kubelet")


def test_the_programs_of_a_module_are_compiled_together() -> None:
    planned = plan(RECIPES, ["kubelet", "proxy", "etcd"], {"etcd"}.__contains__, never)
    assert programs(RECIPES, planned) == {"kubernetes": {"kubelet", "proxy"}}

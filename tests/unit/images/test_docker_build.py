"""Dockerfiles: the classic builder's progress, and contexts that have what COPY names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_cli.images import debian_base, docker_build


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Step 2/5 : RUN apt-get update  && x", (2, 5, "RUN apt-get update && x")),
        ("Step 1/1 : FROM scratch", (1, 1, "FROM scratch")),
        (" ---> 9cebd83e42cc", None),
        ("Successfully built 9cebd83e42cc", None),
    ],
)
def test_steps_of_a_build(line: str, expected: tuple[int, int, str] | None) -> None:
    assert docker_build.parse_step(line) == expected


def test_a_context_has_programs_files_and_python_but_no_recipe(tmp_path: Path) -> None:
    recipe, python = tmp_path / "recipe", tmp_path / "site"
    for path in (recipe / "Dockerfile", recipe / "recipe.toml", python / "package" / "x.py", tmp_path / "kubelet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    context = tmp_path / "context"
    docker_build.stage(recipe, {"kubelet": tmp_path / "kubelet"}, {"python": python}, context)
    found = {str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()}
    assert found == {"Dockerfile", "bin/kubelet", "python/package/x.py"}


def test_debian_comes_from_its_own_mirrors_unless_another_is_named() -> None:
    plain = debian_base.command("trixie", Path("/o.tar"), "")
    assert plain[-2:] == ["trixie", "/o.tar"]
    assert debian_base.command("trixie", Path("/o.tar"), "http://m/debian") == [*plain, "http://m/debian"]

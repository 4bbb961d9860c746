"""The builder from recipes to archives, with a small `go` in the place of the real one and no Docker."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.images import archive, go_build, go_toolchain
from fairlead_cli.images.builder import Builder
from fairlead_cli.images.cache import Cache
from fairlead_cli.images.engine import Engine
from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.keys import architecture
from fairlead_cli.images.progress import Progress, Step, silent
from fairlead_cli.images.pull import Registries
from fairlead_wire.errors import Invalid

GO = """#!/bin/sh
case $1 in
env) echo ${FAKE_GO_VERSION:-go1.26.0}; echo amd64 ;;
list) echo errors; echo example.com/tool/part; echo example.com/tool/v3 ;;
build)
    echo "go: downloading example.com/tool v3.0.0"
    echo errors; echo example.com/tool/part; echo example.com/tool/v3
    while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
    [ -e broken ] && { echo "tool.go:1: no such thing"; exit 1; }
    echo run >> builds; echo program > "$out/tool" ;;
esac
"""
MODULE = 'cgo = false\n[binaries]\nthing = "example.com/tool/v3"\n'
RECIPE = """images = ["example.com/thing:1"]
kind = "static"
upstream = true
entrypoint = ["/thing"]
[[binaries]]
module = "tool"
name = "thing"
path = "/thing"
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one recipe, and a `go` that takes no time."""
    folder = tmp_path / "checkout"
    files = {"thing/recipe.toml": RECIPE, "go/tool/module.toml": MODULE, "go/tool/go.mod": "", "go/tool/go.sum": ""}
    for name, text in files.items():
        path = folder / "deploy" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO, encoding="utf-8")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    return folder


def builder(checkout: Path, told: list[Progress] | None = None) -> Builder:
    report = silent if told is None else told.append
    cache = Cache(checkout.parent / "cache")
    return Builder(checkout, cache=cache, report=report, source="source", engine=Engine("unix:///nowhere"))


def test_an_image_is_built_once_and_then_found(checkout: Path) -> None:
    first = builder(checkout).build(["thing"])["thing"]
    second = builder(checkout).build(["example.com/thing:1"])["thing"]
    assert (first.how, second.how) == ("build", "cached")
    assert first.image_id == second.image_id == archive.image_ids(first.archive)["example.com/thing:1"]
    assert (checkout / "deploy/images/go/tool/builds").read_text(encoding="utf-8") == "run\n"


def test_people_see_how_many_packages_are_compiled_and_the_end(checkout: Path) -> None:
    told: list[Progress] = []
    builder(checkout, told).build()
    assert [one.detail for one in told if one.detail.endswith("packages")] == [
        "1 of 3 packages",
        "2 of 3 packages",
        "3 of 3 packages",
    ]
    assert (told[-1].step, told[-1].detail, told[-1].finished) == ("thing", "built", True)


def test_without_names_every_image_is_planned(checkout: Path) -> None:
    assert [(one.name, one.how) for one in builder(checkout).plan()] == [("thing", "build")]
    assert builder(checkout).find() == {}


def test_another_recipe_source_or_toolchain_means_another_build(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder(checkout).build()
    folder = checkout / "deploy" / "images"
    (folder / "go/tool/go.sum").write_text("new", encoding="utf-8")
    assert builder(checkout).build()["thing"].how == "build"
    (folder / "thing/recipe.toml").write_text(RECIPE.replace("/thing:1", "/thing:2"), encoding="utf-8")
    assert builder(checkout).build()["thing"].how == "build"
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.27.0")
    assert builder(checkout).build()["thing"].how == "build"


def test_a_program_alone_is_handed_out(checkout: Path) -> None:
    assert builder(checkout).binary("thing").read_text(encoding="utf-8") == "program\n"
    with pytest.raises(Invalid, match="builds `kubectl`"):
        builder(checkout).binary("kubectl")


def test_a_failed_build_shows_the_compilers_words_and_leaves_nothing(checkout: Path) -> None:
    (checkout / "deploy/images/go/tool/broken").touch()
    with pytest.raises(ImageError, match="no such thing") as caught:
        builder(checkout).build()
    assert caught.value.next_step
    left = [path for path in (checkout.parent / "cache").rglob("*") if path.is_file()]
    assert left == []


def step() -> Step:
    return Step("go", silent, time.monotonic)


def test_an_old_go_is_passed_over_for_one_that_will_do(tmp_path: Path, checkout: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "go").write_text("#!/bin/sh\necho go1.19.8 amd64\n", encoding="utf-8")
    (old / "go").chmod(0o755)
    good = str(tmp_path / "bin" / "go")
    found = go_toolchain.find(Cache(tmp_path / "cache"), step(), str(old), [good])
    assert found == go_toolchain.Toolchain(good, "go1.26.0", "amd64")


def test_looking_for_images_fetches_no_compiler(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder(checkout).build()
    assert list(builder(checkout).find()) == ["thing"]
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(go_toolchain, "USUAL_PLACES", ())
    told: list[Progress] = []
    assert builder(checkout, told).find() == {}
    assert told == []
    assert not (checkout.parent / "cache" / "toolchain").exists()


def test_no_go_and_no_pip_says_what_to_install(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho No module named pip; exit 1\n", encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(ImageError, match=r"There is no Go 1\.26 or newer") as caught:
        go_toolchain.find(Cache(tmp_path / "cache"), step(), str(tmp_path), [], str(python))
    assert "Install Go 1.26 or newer" in caught.value.next_step
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("version", "enough"),
    [("go1.26.8", True), ("go1.27rc1", True), ("go2.0", True), ("go1.19.8", False), ("devel", False)],
)
def test_which_go_is_new_enough(version: str, enough: bool) -> None:
    assert go_toolchain.new_enough(version) is enough


@pytest.mark.parametrize(
    ("package", "name"),
    [("go.etcd.io/etcd/server/v3", "server"), ("k8s.io/kubernetes/cmd/kubelet", "kubelet"), ("v3", "v3")],
)
def test_what_go_calls_a_program(package: str, name: str) -> None:
    assert go_build.built_name(package) == name


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("k8s.io/api/core/v1", True),
        ("internal/goarch", True),
        ("github.com/!mirantis/x", True),
        ("go: downloading k8s.io/api v0.37.2", False),
        ("# k8s.io/api/core/v1", False),
        ("main.go:3:1: undefined: x", False),
        ("", False),
    ],
)
def test_which_lines_name_a_compiled_package(line: str, is_one: bool) -> None:
    assert go_build.is_package(line) is is_one


def test_an_unknown_machine_is_refused() -> None:
    assert architecture("aarch64") == "arm64"
    with pytest.raises(ImageError, match="riscv64"):
        architecture("riscv64")


@pytest.fixture
def registry() -> Iterator[tuple[http.server.HTTPServer, list[int]]]:
    """A server on the loopback that answers with the code put first in the list."""
    codes: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(codes[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, codes
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("code", "answers"), [(200, True), (401, True), (403, False), (502, False)])
def test_whether_a_registry_answers_is_asked_once(
    registry: tuple[http.server.HTTPServer, list[int]], code: int, answers: bool
) -> None:
    server, codes = registry
    codes.append(code)
    registries = Registries(f"http://127.0.0.1:{server.server_port}/v2/", timeout=5)
    assert registries.answer() is answers
    codes[0] = 500 if code == 200 else 200
    assert registries.answer() is answers


def test_a_registry_that_nobody_serves_does_not_answer() -> None:
    assert Registries("http://127.0.0.1:1/v2/").answer() is False

"""`fairlead images push` takes an image out of a real Engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.engine_image import image_on_the_engine

pytestmark = pytest.mark.engine

AT = "192.0.2.10:7072"


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("FAIRLEAD_CACHE", str(tmp_path / "cache"))
    with image_on_the_engine() as reference:
        yield reference


@pytest.fixture(autouse=True)
def _registry(beside: ThreadedServer) -> None:
    async def serve() -> None:
        beside.server.images.serve_at(AT)

    beside.do(serve())


def test_push_prints_the_name_that_pods_use_and_sends_layers_once(
    fairlead: Run, beside: ThreadedServer, image: str, tmp_path: Path
) -> None:
    pushed = fairlead("images", "push", image)
    assert (pushed.code, pushed.out) == (0, f"{AT}/docker.io/{image}\n"), pushed.err
    assert "2 blobs sent" in pushed.err
    [kept] = beside.server.images.all().values()
    shown = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=True, timeout=20)
    [here] = json.loads(shown.stdout)
    assert kept.image_id == here["Id"] or here["Id"] in kept.digest
    again = fairlead("images", "push", image, "-o", "json")
    assert json.loads(again.out)["sent_blobs"] == 0
    other = fairlead("images", "push", image, "--as", "example.com/shop:1", "-o", "json")
    assert json.loads(other.out)["sent_blobs"] == 0
    assert sorted(beside.server.images.all()) == [f"docker.io/{image}", "example.com/shop:1"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["img-none:1"], "has no image img-none:1"),
        (["img-none@sha256:0"], "has a digest"),
        (["img-none:1", "--as", "example.com:5000/x"], "names the registry example.com:5000"),
    ],
)
def test_what_can_t_be_pushed_is_told(fairlead: Run, words: list[str], said: str) -> None:
    refused = fairlead("images", "push", *words)
    assert refused.code == 1
    assert said in refused.err
    assert "→" in refused.err

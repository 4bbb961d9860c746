"""Images from the fleet's own registry, on a lab whose servers reach no other one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fairlead_cli.lab import network, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.spec import spec_for
from fairlead_cli.lab.wait import until

from .conftest import RunningLab, give_images, lab_command

# A lab of its own: it is cut off from every registry.
pytestmark = pytest.mark.long

COREDNS, PAUSE = "registry.k8s.io/coredns/coredns:v1.14.7", "registry.k8s.io/pause:3.10.2"
UPSTREAM = ("registry.k8s.io", "ghcr.io", "registry-1.docker.io")
BRING_SECONDS, WAIT_SECONDS = 180.0, 180.0


@pytest.fixture(scope="module")
def cut_off() -> Iterator[RunningLab]:
    """A lab of one server, whose fleet has two images, and whose server finds no registry upstream."""
    made = RunningLab(Lab("images", 1))
    done = lab_command("up", "--name", "images", "--servers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    give_images(made, {"coredns": COREDNS, "pause": PAUSE})
    made.on_server("".join(f"echo 127.0.0.1 {name} >> /etc/hosts; " for name in UPSTREAM))
    yield made
    lab_command("down", "--name", "images")
    outer.try_docker("rmi", COREDNS, PAUSE)


@pytest.fixture
def registry(cut_off: RunningLab) -> str:
    """Where the fleet's registry is, as the server names it."""
    return f"{network.addresses(cut_off.lab).host}:7072"


def take_away(lab: RunningLab, image: str) -> str:
    """The image under any name, whatever runs of it; its identifier."""
    identity = lab.on_server(f"docker image inspect --format '{{{{.Id}}}}' {image}").strip()
    users = f"docker ps -aq --filter ancestor={identity}"
    lab.on_server(f"docker rmi -f {image} && {users} | xargs -r docker rm -f && docker rmi -f {identity} || true")
    return identity


def here(lab: RunningLab, image: str) -> str:
    """The identifier of an image on the server, empty if it is not there."""
    return lab.on_server(f"docker image inspect --format '{{{{.Id}}}}' {image} 2>/dev/null || true").strip()


def test_the_server_trusts_the_fleets_registry_and_is_known_to_it(cut_off: RunningLab, registry: str) -> None:
    listed = cut_off.on_server(f"stat -c '%n %a' /etc/docker/certs.d/{registry}/*").split()
    assert listed[::2] == [f"/etc/docker/certs.d/{registry}/{name}" for name in ("ca.crt", "client.cert", "client.key")]
    assert listed[5] == "600"


def test_a_component_comes_back_though_its_image_is_gone_and_upstream_does_not_answer(
    cut_off: RunningLab, registry: str
) -> None:
    before = cut_off.component("coredns")["Id"]
    identity = take_away(cut_off, COREDNS)

    def is_back() -> bool:
        found = [each for each in cut_off.containers() if each["Name"] == "/fairlead-coredns"]
        return bool(found) and found[0]["Id"] != before and bool(found[0]["State"]["Running"])

    until(is_back, what="coredns runs again", timeout=WAIT_SECONDS, advice=lambda: cut_off.on_server("docker ps -a"))
    assert here(cut_off, COREDNS) == identity
    assert f"came from the fleet's registry {registry}" in cut_off.on_server("docker logs fairlead-agent 2>&1")
    names = cut_off.on_server("docker images --digests --format '{{.Repository}}@{{.Digest}}'")
    assert registry not in names, "it is known by its own name alone"


def test_what_is_missing_is_shown_before_a_change_and_brought(cut_off: RunningLab) -> None:
    identity = take_away(cut_off, PAUSE)
    spec = spec_for(cut_off.lab)
    planned = cut_off.fairlead("plan", "-f", str(spec), "-o", "json")
    [missing] = json.loads(planned.output)["missing_images"]["images"]
    assert (missing["node"], missing["reference"], missing["in_fleet"]) == (cut_off.node, PAUSE, True)
    assert 0 < missing["size_bytes"] < 5_000_000
    brought = cut_off.fairlead("images", "prefetch", "-f", str(spec), timeout=BRING_SECONDS)
    assert (brought.ok, brought.errors) == (True, "")
    assert f"has {PAUSE}" in brought.output
    assert here(cut_off, PAUSE) == identity
    again = cut_off.fairlead("images", "prefetch", "-f", str(spec))
    assert again.output == "Every node has all that the spec needs.\n"


def test_what_no_registry_has_fails_with_a_sentence_that_says_what_to_do(cut_off: RunningLab) -> None:
    flannel = "ghcr.io/flannel-io/flannel:v0.28.10"
    cut_off.on_server(f"docker tag {flannel} kept:1 && docker rmi -f {flannel}")
    try:
        failed = cut_off.fairlead("images", "prefetch", "-f", str(spec_for(cut_off.lab)), timeout=BRING_SECONDS)
    finally:
        cut_off.on_server(f"docker tag kept:1 {flannel} && docker rmi kept:1")
    assert failed.code == 1
    assert "is not in the fleet's registry" in failed.errors
    assert f"`fairlead images push {flannel}`" in failed.errors

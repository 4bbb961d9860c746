"""What an agent makes of a controller's word on where images are."""

from __future__ import annotations

import pytest

from fairlead.agent.v1 import images_pb2
from fairlead_agent.image_sources import ImageSources, KnownSources, Offered, read

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def image(
    reference: str = "registry.k8s.io/etcd:3", digest: str = DIGEST, image_id: str = OTHER
) -> images_pb2.FleetImage:
    return images_pb2.FleetImage(reference=reference, digest=digest, image_id=image_id)


def test_an_image_is_found_by_any_of_its_names() -> None:
    sources = read(images_pb2.ImageSources(registries=["c:7072"], images=[image("docker.io/fairlead/agent:1")]))
    assert sources.offered("fairlead/agent:1") == sources.offered("index.docker.io/fairlead/agent:1")
    assert sources.offered("fairlead/agent:1") == Offered(DIGEST, OTHER)
    assert sources.offered("fairlead/agent:2") is None


@pytest.mark.parametrize("name", ["192.0.2.1:7072", "controller.example.com:7072", "[2001:db8::1]:7072", "c:1"])
def test_a_registry_is_a_host_and_a_port(name: str) -> None:
    assert read(images_pb2.ImageSources(registries=[name, name])).registries == (name,)


@pytest.mark.parametrize(
    "name", ["", "c", "c:", "../..:1", "a/b:1", "c:1/x", "c:1\n", "c d:1", ".:1", "-c:1", "c:123456"]
)
def test_what_could_be_a_path_is_left_out(name: str) -> None:
    assert read(images_pb2.ImageSources(registries=[name, "good:1"])).registries == ("good:1",)


@pytest.mark.parametrize(
    "strange", [image(reference=""), image(digest="sha256:abc"), image(digest="latest"), image(image_id="")]
)
def test_an_image_without_proper_digests_is_left_out(strange: images_pb2.FleetImage) -> None:
    assert read(images_pb2.ImageSources(registries=["c:1"], images=[strange])) == ImageSources(("c:1",))


def test_docker_may_know_it_by_either_digest() -> None:
    assert all(Offered(DIGEST, OTHER).is_it(found) for found in (DIGEST, OTHER))
    assert not Offered(DIGEST, OTHER).is_it(f"sha256:{'c' * 64}")


def test_the_newest_word_counts_and_none_where_the_policy_forbids_it() -> None:
    known, forbidden = KnownSources(), KnownSources(allowed=False)
    for registry in ("one:1", "two:1"):
        for each in (known, forbidden):
            each.take(images_pb2.ImageSources(registries=[registry]))
    assert known.newest.registries == ("two:1",)
    assert forbidden.newest == ImageSources()


def test_mirrors_and_logins_are_by_registry_and_no_password_is_shown() -> None:
    access = images_pb2.RegistryAccess(
        registry="docker.io",
        mirrors=["m.example.com/hub", "https://bad", "m:5000"],
        username="robot",
        password="secret",
    )
    sources = read(images_pb2.ImageSources(accesses=[access]))
    assert sources.mirrored("nginx") == ("m.example.com/hub/library/nginx:latest", "m:5000/library/nginx:latest")
    assert sources.mirrored("registry.k8s.io/etcd:3") == ()
    login = sources.login("fairlead/agent:1")
    assert login is not None
    assert (login.username, login.password) == ("robot", "secret")
    assert sources.login("m.example.com/hub/library/nginx") is None
    assert "secret" not in repr(sources)

"""Names of images as Docker completes them, and the images that a task needs."""

from __future__ import annotations

import pytest

from fairlead_wire.references import full_name, full_reference, registry_of, repository
from fairlead_wire.task import TaskSpec
from fairlead_wire.task_images import images_of

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("written", "full", "in_repository", "registry"),
    [
        ("nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx", "docker.io"),
        ("nginx:1", "docker.io/library/nginx:1", "docker.io/library/nginx", "docker.io"),
        ("fairlead/agent:0.1.0", "docker.io/fairlead/agent:0.1.0", "docker.io/fairlead/agent", "docker.io"),
        ("index.docker.io/fairlead/agent:1", "docker.io/fairlead/agent:1", "docker.io/fairlead/agent", "docker.io"),
        ("registry.k8s.io/etcd:3.7.3-0", "registry.k8s.io/etcd:3.7.3-0", "registry.k8s.io/etcd", "registry.k8s.io"),
        ("localhost/shop", "localhost/shop:latest", "localhost/shop", "localhost"),
        ("web:5000/shop", "web:5000/shop:latest", "web:5000/shop", "web:5000"),
        ("web:5000/a/shop:2", "web:5000/a/shop:2", "web:5000/a/shop", "web:5000"),
        (f"a.b/c@{DIGEST}", f"a.b/c@{DIGEST}", "a.b/c", "a.b"),
    ],
)
def test_what_docker_means(written: str, full: str, in_repository: str, registry: str) -> None:
    assert full_reference(written) == full
    assert full_reference(full) == full
    assert (repository(written), registry_of(written)) == (in_repository, registry)
    assert full.startswith(full_name(written))


def test_a_task_needs_its_own_image_and_those_that_its_program_starts() -> None:
    args = ("--network-plugin=cni", "--pod-infra-container-image=registry.k8s.io/pause:3.10.2")
    assert images_of(TaskSpec("etcd", "etcd:1")) == ("etcd:1",)
    assert images_of(TaskSpec("cri-dockerd", "cri:1", args=args)) == ("cri:1", "registry.k8s.io/pause:3.10.2")

"""Names of images as Docker completes them. Pure: standard library only."""

from __future__ import annotations

DOCKER_HUB = "docker.io"


def full_name(name: str) -> str:
    """With its registry: "nginx:1" is "docker.io/library/nginx:1", "fairlead/agent" is "docker.io/fairlead/agent".

    The rules: github.com/distribution/reference v0.6.0, normalize.go.
    """
    first, slash, rest = name.partition("/")
    if not slash or not (set(".:") & set(first) or first == "localhost" or first != first.lower()):
        first, rest = DOCKER_HUB, name
    registry = DOCKER_HUB if first == f"index.{DOCKER_HUB}" else first
    return f"{registry}/library/{rest}" if registry == DOCKER_HUB and "/" not in rest else f"{registry}/{rest}"


def full_reference(reference: str) -> str:
    """With registry and tag, as the fleet's registry knows it: "nginx" is "docker.io/library/nginx:latest"."""
    full = full_name(reference)
    return full if "@" in full or ":" in full.rpartition("/")[2] else f"{full}:latest"


def repository(reference: str) -> str:
    """The full name without tag and digest: "registry.k8s.io/etcd:3.7.3-0" is in "registry.k8s.io/etcd"."""
    head, slash, last = full_name(reference).partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def registry_of(reference: str) -> str:
    """Whose the image is: the host in front of its full name."""
    return full_name(reference).partition("/")[0]

"""Names of images taken apart, as docker's own client shows them. Pure."""

from __future__ import annotations

from typing import NamedTuple

NONE = "<none>"


class Reference(NamedTuple):
    """repository[:tag][@digest]"""

    repository: str
    tag: str = ""
    digest: str = ""


def parse(text: str) -> Reference:
    """Takes it apart; the repository as people write it, without Docker's own registry in front."""
    name, _, digest = text.partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    return Reference(familiar(head), tag, digest)


def familiar(repository: str) -> str:
    """ "docker.io/library/nginx" is "nginx", "docker.io/someone/shop" is "someone/shop"."""
    for registry in ("docker.io/", "index.docker.io/"):
        if repository.startswith(registry):
            repository = repository.removeprefix(registry)
            return repository.removeprefix("library/")
    return repository

"""Names of images that the fleet's registry can have. Pure.

The grammar: github.com/distribution/reference v0.6.0, regexp.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fairlead_wire.errors import Invalid, Problem
from fairlead_wire.references import full_name

LATEST = "latest"
# Of a repository's name, and of a tag (ibid., reference.go).
LONGEST_REPOSITORY = 255
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class ImageName:
    """`repository` with its registry in front, as "docker.io/library/nginx"; `tag` as it is."""

    repository: str
    tag: str

    def __str__(self) -> str:
        """The full reference."""
        return f"{self.repository}:{self.tag}"


def image_name(reference: str) -> ImageName:
    """The name that Docker means by `reference`: "nginx" is docker.io/library/nginx:latest.

    Raises Invalid for what is no name, for a digest, and for a registry that can't be part of a repository's name
    in another registry: one with a port or with capitals.
    """
    bare, _, digest = reference.partition("@")
    if digest:
        raise _invalid(reference, "has a digest", "Give the name and the tag alone")
    head, colon, tag = bare.rpartition(":")
    if not colon or "/" in tag:
        head, tag = bare, LATEST
    repository = full_name(head)
    if len(repository) > LONGEST_REPOSITORY or not _REPOSITORY.fullmatch(repository):
        raise _wrong(reference, repository)
    if not _TAG.fullmatch(tag):
        raise _invalid(reference, f"has the tag {tag!r}", "Write at most 128 letters, digits and . _ -")
    return ImageName(repository, tag)


def _wrong(reference: str, repository: str) -> Invalid:
    registry, _, rest = repository.partition("/")
    if rest and (":" in registry or registry != registry.lower()):
        told = f"names the registry {registry}, and neither colons nor capitals fit into a name in another registry"
        return _invalid(reference, told, "Tag the image with a registry in small letters and without a port")
    return _invalid(reference, "is no name of an image", "Write for example registry.k8s.io/etcd:3.7.3-0")


def _invalid(reference: str, what: str, advice: str) -> Invalid:
    shown = reference if len(reference) <= LONGEST_REPOSITORY else f"{reference[:LONGEST_REPOSITORY]}…"
    return Invalid(f"{shown!r} {what}.", f"{advice}.", [Problem("reference", f"{shown!r} {what}")])

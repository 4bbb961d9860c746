"""Where images are to be had within the fleet, as the controller told it last. In memory only: a session tells it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fairlead.agent.v1 import images_pb2
from fairlead_agent.runtime.port import Login
from fairlead_wire.references import full_reference, registry_of

# It becomes a folder's name and part of an image's: nothing else may be in it.
_REGISTRY = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")
_MIRROR = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*(/[a-z0-9._-]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offered:
    """An image of the fleet's registry. `digest`: of its manifest, by which it is pulled; `image_id`: of its
    configuration."""

    digest: str
    image_id: str

    def is_it(self, found: str) -> bool:
        """Whether Docker's identifier of an image means this one: its two image stores name it differently."""
        return found in (self.image_id, self.digest)


@dataclass(frozen=True)
class Access:
    """What is said of a registry outside of the fleet. `mirrors`: "HOST[:PORT][/PATH]", asked before it in order."""

    mirrors: tuple[str, ...] = ()
    login: Login | None = None


@dataclass(frozen=True)
class ImageSources:
    """`registries`: "HOST:PORT", the nearest first, each with all of `images`, which are by full reference.
    `accesses`: registries outside of the fleet by host."""

    registries: tuple[str, ...] = ()
    images: Mapping[str, Offered] = field(default_factory=dict)
    accesses: Mapping[str, Access] = field(default_factory=dict)

    def offered(self, reference: str) -> Offered | None:
        return self.images.get(full_reference(reference))

    def mirrored(self, reference: str) -> tuple[str, ...]:
        """The names that an image has at the mirrors of its registry, in the order in which they are asked."""
        full = full_reference(reference)
        registry, _, path = full.partition("/")
        return tuple(f"{mirror}/{path}" for mirror in self.accesses.get(registry, Access()).mirrors)

    def login(self, name: str) -> Login | None:
        """For whoever keeps an image of that name."""
        return self.accesses.get(registry_of(name), Access()).login


class ToldImages(Protocol):
    """Who is told where images are to be had."""

    def take(self, message: images_pb2.ImageSources) -> None: ...

    async def settle(self) -> None:
        """Makes Docker know what was taken last; takes minutes, and is left when more is taken. Raises HostFailure."""
        ...


class KnownSources:
    """The newest message counts. `allowed`: whether this node's policy lets the fleet's registries be used at all."""

    def __init__(self, allowed: bool = True) -> None:
        self.allowed = allowed
        self.newest = ImageSources()

    def take(self, message: images_pb2.ImageSources) -> None:
        if self.allowed:
            self.newest = read(message)


def read(message: images_pb2.ImageSources) -> ImageSources:
    """What can be used of it; a controller's fault is logged, and never becomes a path or a name."""
    strange = [name for name in message.registries if not _REGISTRY.fullmatch(name)]
    strange += [image.reference for image in message.images if not _is_usable(image)]
    if strange:
        _log.warning("left out of the fleet's images: %s", ", ".join(repr(name[:80]) for name in strange[:5]))
    return ImageSources(
        tuple(dict.fromkeys(name for name in message.registries if _REGISTRY.fullmatch(name))),
        {
            full_reference(image.reference): Offered(image.digest, image.image_id)
            for image in message.images
            if _is_usable(image)
        },
        {access.registry: _access(access) for access in message.accesses if access.registry},
    )


def _access(message: images_pb2.RegistryAccess) -> Access:
    login = Login(message.username, message.password) if message.username else None
    return Access(tuple(mirror for mirror in message.mirrors if _MIRROR.fullmatch(mirror)), login)


def _is_usable(image: images_pb2.FleetImage) -> bool:
    return bool(image.reference and _DIGEST.fullmatch(image.digest) and _DIGEST.fullmatch(image.image_id))

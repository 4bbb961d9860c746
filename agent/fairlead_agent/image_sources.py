"""Where images are to be had within the fleet, as the controller told it last. In memory only: a session tells it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fairlead.agent.v1 import images_pb2
from fairlead_wire.references import full_reference

# It becomes a folder's name and part of an image's: nothing else may be in it.
_REGISTRY = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")
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
class ImageSources:
    """`registries`: "HOST:PORT", the nearest first, each with all of `images`, which are by full reference."""

    registries: tuple[str, ...] = ()
    images: Mapping[str, Offered] = field(default_factory=dict)

    def offered(self, reference: str) -> Offered | None:
        return self.images.get(full_reference(reference))


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
    )


def _is_usable(image: images_pb2.FleetImage) -> bool:
    return bool(image.reference and _DIGEST.fullmatch(image.digest) and _DIGEST.fullmatch(image.image_id))

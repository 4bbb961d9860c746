"""Where agents are told to get images: the fleet's registry, with the digest of each image that it has, before it the
seed of their zone, and what is said of registries outside of the fleet."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.agent.v1 import images_pb2
from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.ports import FleetImages


def sources_message(
    images: FleetImages,
    registries: Iterable[UpstreamRegistry],
    seed: str = "",
    seeding: images_pb2.Seeding | None = None,
) -> images_pb2.ImageSources:
    """`seed`: "HOST:PORT" of the zone's, "" if none answers. Without a registry of the fleet it names none, so that
    agents forget one that there was."""
    message = images_pb2.ImageSources(accesses=map(_access, registries), seeding=seeding)
    if images.registry:
        message.registries.extend(filter(None, (seed, images.registry)))
        message.images.extend(
            images_pb2.FleetImage(reference=reference, digest=image.digest, image_id=image.image_id)
            for reference, image in sorted(images.all().items())
        )
    return message


def _access(registry: UpstreamRegistry) -> images_pb2.RegistryAccess:
    return images_pb2.RegistryAccess(
        registry=registry.host, mirrors=registry.mirrors, username=registry.username, password=registry.password
    )

"""Where agents are told to get images: the fleet's registry, with the digest of each image that it has."""

from __future__ import annotations

from fairlead.agent.v1 import images_pb2
from fairlead_controller.ports import FleetImages


def sources_message(images: FleetImages) -> images_pb2.ImageSources:
    """Without a registry it names none, so that agents forget one that there was."""
    if not images.registry:
        return images_pb2.ImageSources()
    return images_pb2.ImageSources(
        registries=[images.registry],
        images=[
            images_pb2.FleetImage(reference=reference, digest=image.digest, image_id=image.image_id)
            for reference, image in sorted(images.all().items())
        ],
    )

"""The FleetImages of a controller that keeps none: nodes get images from the registries that their names say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.errors import Missing, Refused


class NoImages:
    registry = ""
    size = 0

    def all(self) -> Mapping[str, FleetImage]:
        return {}

    def on_change(self, call: Callable[[], None]) -> None:
        pass

    def missing(self, digests: Iterable[str]) -> tuple[str, ...]:
        return tuple(digests)

    async def add_blob(self, digest: str, size: int, data: AsyncIterator[bytes]) -> None:
        raise _refusal()

    async def put(self, reference: str, manifest: bytes) -> FleetImage:
        raise _refusal()

    async def delete(self, reference: str) -> int:
        raise Missing(f"The fleet has no image {reference!r}.", "See `fairlead images ls --fleet`.")


def _refusal() -> Refused:
    return Refused("This controller keeps no images.", "Start it with the program of a registry (`--registry`).")

"""FleetImages without a disk or a registry: what there is, is what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from hashlib import sha256

from fairlead_controller.model.fleet_image import FleetImage
from fairlead_wire.errors import Missing
from fairlead_wire.references import full_reference


class FakeFleetImages:
    """`registry` is "" until a test opens one."""

    def __init__(self) -> None:
        self.registry = ""
        self._images: dict[str, FleetImage] = {}
        self._calls: list[Callable[[], None]] = []

    @property
    def size(self) -> int:
        return sum({blob: size for image in self._images.values() for blob, size in image.blobs.items()}.values())

    def all(self) -> Mapping[str, FleetImage]:
        return dict(self._images)

    def on_change(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def missing(self, digests: Iterable[str]) -> tuple[str, ...]:
        held = {blob for image in self._images.values() for blob in image.blobs}
        return tuple(digest for digest in digests if digest not in held)

    async def add_blob(self, digest: str, size: int, data: AsyncIterator[bytes]) -> None:
        raise NotImplementedError

    async def put(self, reference: str, manifest: bytes) -> FleetImage:
        raise NotImplementedError

    async def delete(self, reference: str) -> int:
        if reference not in self._images:
            raise Missing(f"The fleet has no image {reference!r}.")
        freed = self._images.pop(reference).size
        self._changed()
        return freed

    # the script

    def open(self, registry: str) -> None:
        """From now on there is a registry; "" ends it."""
        self.registry = registry
        self._changed()

    def has(self, *images: FleetImage) -> None:
        """These are there too, from now on."""
        self._images |= {image.reference: image for image in images}
        self._changed()

    def _changed(self) -> None:
        for call in self._calls:
            call()


def fleet_image(reference: str, **layers: int) -> FleetImage:
    """An image of that name. `layers`: name → bytes; images with a layer of one name share it."""
    full = full_reference(reference)
    sizes = {blob(f"config of {full}"): 100, **{blob(name): size for name, size in layers.items()}}
    return FleetImage(
        full,
        blob(f"manifest of {full}"),
        blob(f"config of {full}"),
        sizes,
        0.0,
    )


def blob(content: str) -> str:
    """The digest of that content."""
    return f"sha256:{sha256(content.encode()).hexdigest()}"

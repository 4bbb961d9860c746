"""Images that the fleet's registry has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FleetImage:
    """`reference`: the full one that nodes know it by; `digest`, `image_id`: of manifest and configuration, "sha256:…";
    `blobs`: digest → bytes of configuration and layers; `put_at`: seconds since 1970."""

    reference: str
    digest: str
    image_id: str
    blobs: Mapping[str, int]
    put_at: float

    @property
    def size(self) -> int:
        """Bytes of configuration and layers."""
        return sum(self.blobs.values())

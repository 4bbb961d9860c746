"""Images that the fleet's registry has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FleetImage:
    """`reference`: the full one that nodes know it by; `digest`, `image_id`: of manifest and configuration, "sha256:…";
    `size`: bytes of configuration and layers; `blobs`: digests of both; `put_at`: seconds since 1970; `sizes`: bytes of
    each of `blobs`, or nothing where that is not known."""

    reference: str
    digest: str
    image_id: str
    size: int
    blobs: tuple[str, ...]
    put_at: float
    sizes: tuple[int, ...] = ()

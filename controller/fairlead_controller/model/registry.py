"""Registries outside of the fleet: their mirrors and logins."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class UpstreamRegistry:
    """`host`: as in references of images, "HOST[:PORT]"; `mirrors`: "HOST[:PORT][/PATH]", asked first, in this order;
    `updated_at`: seconds since 1970."""

    host: str
    mirrors: tuple[str, ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    updated_at: float = 0.0

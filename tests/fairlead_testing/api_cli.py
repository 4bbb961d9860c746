"""Calling the CLI in this process, as a person would in a shell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fairlead_testing import cluster_caller

SPEC = f"{cluster_caller.SPEC}  dns: {{zones: {{example.internal: zones/example.internal.zone}}}}\n"
ZONE = "@ 3600 IN SOA ns.example.internal. root.example.internal. 1 7200 3600 1209600 3600\nwww IN A 192.0.2.80\n"


@dataclass(frozen=True)
class Said:
    """How a call ended and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


def write_spec(folder: Path) -> Path:
    """cluster.yaml and its zone file."""
    (folder / "zones").mkdir(parents=True)
    (folder / "zones" / "example.internal.zone").write_text(ZONE)
    (folder / "cluster.yaml").write_text(SPEC)
    return folder / "cluster.yaml"

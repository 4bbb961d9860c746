"""The spec of the lab's cluster."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead_cli.lab import machine
from fairlead_cli.lab.names import Lab

SPEC = machine.CHECKOUT / "deploy" / "lab" / "cluster.yaml"


def spec_for(lab: Lab) -> Path:
    """The spec to apply: the checkout's own, or for a lab of another name a copy with that name."""
    if lab.name == "lab":
        return SPEC
    folder = lab.folder / "spec"
    zones = folder / "zones"
    zones.mkdir(parents=True, exist_ok=True)
    for zone in (SPEC.parent / "zones").iterdir():
        (zones / zone.name).write_bytes(zone.read_bytes())
    copy = folder / "cluster.yaml"
    copy.write_text(SPEC.read_text(encoding="utf-8").replace("name: lab", f"name: {lab.name}", 1), "utf-8")
    return copy


def kubernetes_minor(text: str) -> int:
    """The minor version of Kubernetes that a spec asks for: 37 of "kubernetes: v1.37.2"."""
    found = re.search(r"^\s*kubernetes:\s*v?1\.(\d+)", text, re.MULTILINE)
    assert found is not None, f"{SPEC} names no version of Kubernetes"
    return int(found[1])

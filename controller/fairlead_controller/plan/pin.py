"""The pin of a plan: applying with it gives exactly what was shown, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.move import Move
from fairlead_wire.task import canonical_json, digest

SHOWN_DIGITS = 8


def pin(base_revision: int, spec: ClusterSpec, files: Mapping[str, str], moves: Iterable[Move]) -> str:
    """The revision that it starts from and a digest of all that it rests on, for example "3-1f9ac2e0".

    What a move waits for is not in it: that changes by the second and is no other plan.
    """
    content = [spec.model_dump(mode="json"), dict(files), [list(move.key) for move in moves]]
    return f"{base_revision}-{digest(canonical_json(content).encode())[:SHOWN_DIGITS]}"

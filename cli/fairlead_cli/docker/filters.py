"""`--filter KEY=VALUE` as requests carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from fairlead.api.v1 import docker_pb2
from fairlead_wire.errors import Invalid

Filters = Annotated[
    list[str] | None, typer.Option("--filter", "-f", metavar="KEY=VALUE", help="Only these; repeatable.")
]


def filters(given: Sequence[str] | None) -> list[docker_pb2.DockerFilter]:
    """One for each key, with all its values. Raises Invalid."""
    found: dict[str, list[str]] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise Invalid(f"The filter {text!r} is not KEY=VALUE.", "Write for example --filter status=exited.")
        found.setdefault(key.strip().lower(), []).append(value.strip())
    return [docker_pb2.DockerFilter(key=key, values=values) for key, values in found.items()]

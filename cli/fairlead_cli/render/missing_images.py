"""What nodes have to fetch, as people read it: a line a node, with number and bytes. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from fairlead_cli.render.console import paint
from fairlead_cli.render.words import size

if TYPE_CHECKING:
    from fairlead.api.v1 import images_pb2


def missing_lines(
    answer: images_pb2.FindMissingImagesResponse | None, reason: str, file: str, program: str = "fairlead"
) -> list[str]:
    """`reason`: why there is no answer, if that is worth telling. No lines where nothing is missing."""
    if answer is None:
        return ["", f"What nodes have to fetch is not known: {reason}"] if reason else []
    by_node = grouped(answer.images)
    away = dict.fromkeys(answer.unreachable_nodes, "could not be asked")
    told = {name: amount(images) for name, images in by_node.items()} | away
    if not told:
        return []
    width = max(map(len, told))
    lines = [f"  {name:<{width}}  {paint(told[name], 'yellow' if name in away else '')}" for name in sorted(told)]
    advice = f"`{program} images prefetch -f {shlex.quote(file)}` brings them there before anything is changed."
    return ["", "To be fetched for it:", *lines, *([advice] if by_node else [])]


def grouped(images: Iterable[images_pb2.MissingImage]) -> dict[str, list[images_pb2.MissingImage]]:
    """By node."""
    by_node: dict[str, list[images_pb2.MissingImage]] = {}
    for image in images:
        by_node.setdefault(image.node, []).append(image)
    return by_node


def amount(images: Sequence[images_pb2.MissingImage]) -> str:
    """ "8 images, 780 MiB; 2 of them from their own registries, of unknown size"."""
    return "; ".join(_amount(images))


def counted(images: int) -> str:
    return f"{images} image{'' if images == 1 else 's'}"


def _amount(images: Sequence[images_pb2.MissingImage]) -> Iterator[str]:
    known = size(sum(image.size_bytes for image in images))
    yield f"{counted(len(images))}{f', {known}' if known else ''}"
    others = [image for image in images if not image.in_fleet]
    if others:
        which = "from" if len(others) == len(images) else f"{len(others)} of them from"
        whose = "its own registry" if len(others) == 1 else "their own registries"
        unknown = ", of unknown size" if not any(image.size_bytes for image in others) else ""
        yield f"{which} {whose}{unknown}"

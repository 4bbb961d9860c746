"""What nodes would have to fetch for a spec: asked beside a plan, which never fails or waits long because of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairlead_cli.render.plain import plain
from fairlead_wire.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.api.v1 import clusters_pb2, images_pb2
    from fairlead_cli.client import Client

# The controller gives nodes five seconds.
FIND_SECONDS = 20.0
# A controller of before there were images of the fleet.
_UNKNOWN_THERE = "UNIMPLEMENTED"


@dataclass(frozen=True)
class Found:
    """`answer` is None where nobody can tell; `reason` then says why, unless there is nothing that could be told."""

    answer: images_pb2.FindMissingImagesResponse | None = None
    reason: str = ""

    @property
    def document(self) -> dict[str, Any] | None:
        """For `-o json`."""
        return plain(self.answer) if self.answer is not None else None


async def find_missing(client: Client, source: clusters_pb2.ClusterSource) -> Found:
    from fairlead.api.v1 import images_pb2

    request = images_pb2.FindMissingImagesRequest(source=source)
    try:
        return Found(await client.call(client.images.FindMissingImages, request, FIND_SECONDS))
    except FairleadError as error:
        return Found(reason="" if error.code == _UNKNOWN_THERE else error.message)

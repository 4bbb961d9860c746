"""What nodes lack for a spec, and bringing it to them. Each node is asked and served by itself: none waits for another.

Nothing else is changed. A rollout that comes afterwards finds its images there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from fairlead.agent.v1 import images_pb2 as agent_pb2
from fairlead.agent.v1 import session_pb2
from fairlead.api.v1 import clusters_pb2, images_pb2, images_pb2_grpc
from fairlead_controller.api import audit
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.planning import plan_source, read_source
from fairlead_controller.dispatch.session import SessionOver
from fairlead_controller.model.node import Node
from fairlead_controller.plan import desired, placement
from fairlead_controller.plan.images import Lack, lacking, needed
from fairlead_wire.errors import FairleadError, Refused, Unreachable

# An agent asks its Docker, which takes milliseconds; a plan that is shown to somebody waits for it.
FIND_SECONDS, ROOM_SECONDS = 5.0, 1.0
# The agent gives itself half an hour; the rest is for the way.
FETCH_SECONDS = 1830.0
AT_ONCE = 64

T = TypeVar("T")
News = images_pb2.PrefetchImagesResponse
Tell = Callable[[News], None]
FETCHING, DONE, FAILED = (
    images_pb2.PREFETCH_STATE_FETCHING,
    images_pb2.PREFETCH_STATE_DONE,
    images_pb2.PREFETCH_STATE_FAILED,
)


@dataclass(frozen=True)
class Need:
    """What one node has to have: full references."""

    node: Node
    references: tuple[str, ...]


class MissingImages(images_pb2_grpc.ImageServiceServicer):
    """The half of ImageService that is about nodes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def FindMissingImages(
        self, request: images_pb2.FindMissingImagesRequest, context: Any
    ) -> images_pb2.FindMissingImagesResponse:
        _, needs = await self._needs(request.source)
        answer = images_pb2.FindMissingImagesResponse()
        for need, lacks in zip(needs, await _side_by_side(self._known_lacks, needs), strict=True):
            if lacks is None:
                answer.unreachable_nodes.append(need.node.name)
            else:
                answer.images.extend(_message(need.node, lack) for lack in lacks)
        return answer

    async def PrefetchImages(  # type: ignore[override]  # writes itself, so that it is cancelled when its client leaves
        self, request: images_pb2.PrefetchImagesRequest, context: Any
    ) -> None:
        cluster, needs = await self._needs(request.source)
        await self._record_prefetch(cluster, len(needs))
        async with aclosing(_news(self._bring, needs)) as news:
            async for item in news:
                await context.write(item)

    async def _needs(self, source: clusters_pb2.ClusterSource) -> tuple[str, Sequence[Need]]:
        """The cluster's name, and what its nodes need, by the nodes' names. Raises Invalid, Refused."""
        plan = await plan_source(self._parts, read_source(source))
        snapshot = plan.snapshot
        wanted = desired.desired(snapshot, placement.place(snapshot.cluster, snapshot.fleet).claims)
        needs = [Need(snapshot.fleet.node(node_id), needed(assignment)) for node_id, assignment in wanted.items()]
        return plan.cluster, sorted(needs, key=lambda need: need.node.name)

    async def _known_lacks(self, need: Need) -> tuple[Lack, ...] | None:
        """None if the node can't be asked."""
        try:
            return await self._lacks(need)
        except FairleadError:
            return None

    async def _lacks(self, need: Need) -> tuple[Lack, ...]:
        find = session_pb2.Instruction(find_images=agent_pb2.FindImages(references=need.references))
        try:
            # Also where the agent is waited for that is just coming back, or is asked a second time.
            async with asyncio.timeout(FIND_SECONDS + ROOM_SECONDS):
                result = await self._have(need.node, find, FIND_SECONDS)
        except TimeoutError:
            raise Unreachable("The node's agent did not come back in time.", "See `fairlead node ls`.") from None
        images = self._parts.images
        lacks = lacking(need.references, frozenset(result.images.references), images.all())
        # What no registry serves can't be had from the fleet, though its size is known.
        return lacks if images.registry else tuple(Lack(lack.reference, lack.size) for lack in lacks)

    async def _bring(self, need: Need, tell: Tell) -> None:
        """One image after the other; what can't be had does not keep the others away."""
        try:
            lacks = await self._lacks(need)
        except FairleadError as error:
            tell(_told(need.node, Lack(""), FAILED, _why(error)))
            return
        gone: FairleadError | None = None
        for lack in lacks:
            if gone is None:
                tell(_told(need.node, lack, FETCHING))
                failure = await self._fetch(need.node, lack)
                gone = failure if isinstance(failure, Unreachable) else None
            else:  # a node that does not answer is not waited for again and again
                failure = gone
            tell(_told(need.node, lack, FAILED, _why(failure)) if failure else _told(need.node, lack, DONE))

    async def _fetch(self, node: Node, lack: Lack) -> FairleadError | None:
        """Why it could not be had."""
        fetch = session_pb2.Instruction(fetch_image=agent_pb2.FetchImage(reference=lack.reference))
        try:
            await self._have(node, fetch, FETCH_SECONDS)
        except FairleadError as error:
            return error
        return None

    async def _have(
        self, node: Node, instruction: session_pb2.Instruction, seconds: float
    ) -> session_pb2.InstructionResult:
        """An agent that ends in the middle is asked once more: to look or to fetch twice harms nobody."""
        try:
            return await self._parts.instructions.carry_out(node.id, instruction, seconds)
        except SessionOver:
            return await self._parts.instructions.carry_out(node.id, instruction, seconds)

    async def _record_prefetch(self, cluster: str, nodes: int) -> None:
        at, said = self._parts.clock.now(), f"Asked to bring the images of cluster {cluster} to its {nodes} node(s)."
        await audit.change(
            self._parts, lambda repositories: audit.record(repositories, at, "images-prefetched", said, cluster)
        )


async def _side_by_side(work: Callable[[Need], Awaitable[T]], needs: Sequence[Need]) -> list[T]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(need: Need) -> T:
        async with places:
            return await work(need)

    return list(await asyncio.gather(*map(one, needs)))


async def _news(bring: Callable[[Need, Tell], Awaitable[None]], needs: Sequence[Need]) -> AsyncGenerator[News]:
    """What the nodes tell, as it comes. Left early, it ends what has not begun yet."""
    told: asyncio.Queue[News | None] = asyncio.Queue()

    async def work() -> None:
        try:
            await _side_by_side(lambda need: bring(need, told.put_nowait), needs)
        finally:
            told.put_nowait(None)

    working = asyncio.create_task(work())
    try:
        while (news := await told.get()) is not None:
            yield news
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _message(node: Node, lack: Lack) -> images_pb2.MissingImage:
    return images_pb2.MissingImage(
        node=node.name, reference=lack.reference, size_bytes=lack.size, in_fleet=lack.in_fleet
    )


def _told(node: Node, lack: Lack, state: images_pb2.PrefetchState.ValueType, message: str = "") -> News:
    return News(image=_message(node, lack), state=state, message=message)


def _why(error: FairleadError) -> str:
    """An agent's own sentence says what to do; that of a node which is away needs the next step."""
    return error.message if isinstance(error, Refused) or not error.next_step else f"{error.message} {error.next_step}"

"""What the controller asks to be done once, over the session; the assignment is not touched by it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fairlead.agent.v1 import images_pb2, session_pb2, snapshots_pb2
from fairlead_agent.effects import HostFailure
from fairlead_agent.fetching import Fetching
from fairlead_agent.inspection_answer import Inspector
from fairlead_agent.messages import assignment_message
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_agent.snapshots import EtcdSnapshots
from fairlead_agent.view import Memory
from fairlead_wire.codec import to_message
from fairlead_wire.snapshots import Snapshot

_log = logging.getLogger(__name__)
Result = session_pb2.InstructionResult


@dataclass(frozen=True)
class Asked:
    """An instruction, and what was journaled when it came."""

    instruction: session_pb2.Instruction
    memory: Memory


class Instructed:
    """Who does what; what is not given is not known here, and the controller is told so."""

    def __init__(
        self,
        inspector: Inspector | None = None,
        snapshots: EtcdSnapshots | None = None,
        fetching: Fetching | None = None,
    ) -> None:
        self._table: dict[str, Callable[[Asked], Awaitable[Result]]] = {"show_assignment": _show_assignment}
        if inspector is not None:
            self._table |= _inspection(inspector)
        if snapshots is not None:
            self._table |= _snapshots(snapshots)
        if fetching is not None:
            self._table |= _images(fetching)

    async def carry_out(self, asked: Asked) -> Result:
        """The result, also of what failed."""
        kind = asked.instruction.WhichOneof("instruction") or ""
        try:
            if kind not in self._table:
                raise HostFailure("this agent does not know that instruction; install one of the controller's version")
            result = await self._table[kind](asked)
        except (HostFailure, RuntimeFailure) as failure:
            result = Result(error=_sentence(str(failure)))
        except Exception as error:
            _log.exception("an instruction failed")
            result = Result(error=f"The agent failed inside: {type(error).__name__}: {error}.")
        result.id = asked.instruction.id
        return result


async def _show_assignment(asked: Asked) -> Result:
    return Result(assignment=assignment_message(asked.memory.assignment))


def _inspection(inspector: Inspector) -> Mapping[str, Callable[[Asked], Awaitable[Result]]]:
    async def inspect(asked: Asked) -> Result:
        return Result(inspection=await inspector.report())

    return {"inspect_host": inspect}


def _snapshots(snapshots: EtcdSnapshots) -> Mapping[str, Callable[[Asked], Awaitable[Result]]]:
    async def create(asked: Asked) -> Result:
        wanted = asked.instruction.create_snapshot
        return _told(await snapshots.create(wanted.name, wanted.keep))

    async def list_all(asked: Asked) -> Result:
        return _told(*await snapshots.all())

    return {"create_snapshot": create, "list_snapshots": list_all}


def _images(fetching: Fetching) -> Mapping[str, Callable[[Asked], Awaitable[Result]]]:
    async def find(asked: Asked) -> Result:
        found = await fetching.present(asked.instruction.find_images.references)
        return Result(images=images_pb2.FoundImages(references=found))

    async def fetch(asked: Asked) -> Result:
        await fetching.ask(asked.instruction.fetch_image.reference)
        return Result()

    return {"find_images": find, "fetch_image": fetch}


def _told(*made: Snapshot) -> Result:
    messages = [to_message(snapshot, snapshots_pb2.Snapshot) for snapshot in made]
    return Result(snapshots=snapshots_pb2.Snapshots(snapshots=messages))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

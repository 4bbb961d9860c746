"""The assignment on disk, and the little else that has to survive a restart of the agent.

One JSON document, because people read it when something is wrong; assignments in it are protobuf's own JSON. Holds
secrets of the assignment, so it is 0600. Keys and field names are stable: a reader of another format refuses.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from fairlead.agent.v1 import session_pb2, task_pb2
from fairlead_agent import durable
from fairlead_agent.messages import assignment_message, assignment_of
from fairlead_agent.view import Failure, Fallback, Memory
from fairlead_wire.assignment import FileSpec
from fairlead_wire.codec import from_message, to_message
from fairlead_wire.errors import Refused
from fairlead_wire.task import TaskSpec

FORMAT = 1
FILE_NAME = "journal.json"


class Journal:
    """Keeps a `Memory` at `state`/journal.json."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE_NAME

    def load(self) -> Memory:
        """The memory as saved last; an empty one if none ever was. Raises Refused for what it can't read."""
        content = durable.read(self._path)
        if not content:
            return Memory()
        try:
            return decoded(content)
        except ValueError as error:
            raise Refused(
                f"The journal {self._path} {error}; nothing was touched.",
                "Run the agent version that wrote it, or move the file away: the controller sends the assignment "
                "again.",
            ) from None

    def save(self, memory: Memory) -> None:
        """On the disk when this returns. Raises OSError, and then what was saved before is still there."""
        durable.write(self._path, encoded(memory))


def encoded(memory: Memory) -> bytes:
    return json.dumps(_document(memory), sort_keys=True).encode()


def decoded(content: bytes) -> Memory:
    """Raises ValueError, which says what is wrong with `content`."""
    try:
        document = json.loads(content)
        found = document["format"]
    except (ValueError, KeyError, TypeError):
        raise ValueError("is damaged") from None
    if found != FORMAT:
        raise ValueError(f"has format {found}, and this agent reads {FORMAT}")
    try:
        return _memory(document)
    except (ValueError, KeyError, TypeError, json_format.ParseError) as error:
        raise ValueError(f"is damaged ({error})") from None


def _document(memory: Memory) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generation": memory.generation,
        "assignment": json_format.MessageToDict(assignment_message(memory.assignment)),
        "fallbacks": {name: _fallback_document(item) for name, item in memory.fallbacks.items()},
        "failed": {
            name: {"hash": item.hash, "revision": item.revision, "message": item.message}
            for name, item in memory.failed.items()
        },
        "finished": dict(memory.finished),
        "signalled": dict(memory.signalled),
    }


def _memory(document: dict[str, Any]) -> Memory:
    message = json_format.ParseDict(document["assignment"], session_pb2.Assignment())
    return Memory(
        assignment=assignment_of(message),
        generation=int(document["generation"]),
        fallbacks={name: _fallback(item) for name, item in document["fallbacks"].items()},
        failed={
            name: Failure(item["hash"], int(item["revision"]), item["message"])
            for name, item in document["failed"].items()
        },
        finished=dict(document["finished"]),
        signalled=dict(document["signalled"]),
    )


def _fallback_document(fallback: Fallback) -> dict[str, Any]:
    return {
        "hash": fallback.hash,
        "task": json_format.MessageToDict(to_message(fallback.task, task_pb2.TaskSpec)),
        "files": [json_format.MessageToDict(to_message(file, task_pb2.FileSpec)) for file in fallback.files],
    }


def _fallback(document: dict[str, Any]) -> Fallback:
    task = json_format.ParseDict(document["task"], task_pb2.TaskSpec())
    files = [json_format.ParseDict(item, task_pb2.FileSpec()) for item in document["files"]]
    return Fallback(
        from_message(task, TaskSpec), document["hash"], tuple(from_message(item, FileSpec) for item in files)
    )

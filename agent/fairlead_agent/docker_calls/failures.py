"""What went wrong, as the caller is told it: a code, a sentence, and what to do next. Pure."""

from __future__ import annotations

from fairlead.agent.v1 import docker_pb2 as agent_pb2
from fairlead_agent.runtime.port import EngineAway, RuntimeFailure
from fairlead_wire.errors import Denied, FairleadError, Invalid, Missing, Refused, Unreachable

_PULL = "Fetch it with `fairlead docker pull --node {node} IMAGE`, or see `fairlead docker images --node {node}`."
_LIST = "See `fairlead docker ps --all --node {node}`."
_ROUTE = "Check the reference, and that this node reaches the registry and may read from it."
_BY_TEXT: tuple[tuple[str, type[FairleadError], str], ...] = (
    ("no such container", Missing, _LIST),
    ("no such image", Missing, _PULL),
    ("no such exec instance", Missing, "Run the command again."),
    ("pull access denied", Missing, _ROUTE),
    ("manifest unknown", Missing, _ROUTE),
    ("manifest for ", Missing, _ROUTE),
    ("is already in use by container", Refused, "Choose another name, or remove that container first."),
    ("is not running", Refused, "Start it first with `fairlead docker start --node {node} CONTAINER`."),
    ("is paused", Refused, "Unpause it on that server first with `docker unpause CONTAINER`."),
    ("remove a running container", Refused, "Stop it first, or remove it with `fairlead docker rm -f`."),
    ("stop the container before", Refused, "Stop it first, or remove it with `fairlead docker rm -f`."),
    ("removal of container", Refused, "Wait a moment: it is being removed already."),
    ("port is already allocated", Refused, "Choose another port, or stop what has it."),
    ("address already in use", Refused, "Choose another port, or stop what has it."),
    ("returned a non-zero code", Invalid, "Correct that step of the Dockerfile: its output stands above."),
    ("copy failed", Invalid, "Correct that step of the Dockerfile, or put the file into the context."),
    ("add failed", Invalid, "Correct that step of the Dockerfile, or put the file into the context."),
    ("executable file not found", Invalid, "Check the command and the image's entrypoint."),
    ("no such file or directory", Invalid, "Check the paths in the command and the volumes."),
    ("dial tcp", Unreachable, _ROUTE),
    ("tls handshake timeout", Unreachable, _ROUTE),
    ("request canceled while waiting", Unreachable, _ROUTE),
    ("no space left on device", Refused, "Make room on that node, for example by removing images that nobody uses."),
)
"""A part of Docker's sentence (lower case), what it means, what to do."""
_BY_STATUS: dict[int, tuple[type[FairleadError], str]] = {
    400: (Invalid, "Correct it and try again."),
    401: (Denied, "Log in to that registry on the node with `docker login`."),
    403: (Denied, "Ask whoever runs that node's Docker."),
    404: (Missing, "See `fairlead docker ps --all --node {node}` and `fairlead docker images --node {node}`."),
    409: (Refused, "See with `fairlead docker inspect --node {node} CONTAINER` in what state it is."),
}
_OTHERWISE = "See Docker's log on the node {node}, for example with `journalctl -u docker`."


def understood(error: FairleadError | RuntimeFailure, node: str) -> FairleadError:
    """A failure of Docker in our words, with a next step."""
    if isinstance(error, FairleadError):
        return error
    if isinstance(error, EngineAway):
        what, _, step = str(error).partition("; ")
        return Unreachable(_sentence(what), _sentence(step) if step else "Start Docker on that node.")
    text = str(error).lower()
    for part, kind, step in _BY_TEXT:
        if part in text:
            return kind(_sentence(str(error)), step.format(node=node))
    if error.status in _BY_STATUS:
        kind, step = _BY_STATUS[error.status]
        return kind(_sentence(str(error)), step.format(node=node))
    return internal(str(error), _OTHERWISE.format(node=node))


def internal(message: str, next_step: str) -> FairleadError:
    error = FairleadError(_sentence(message), next_step)
    error.code = "INTERNAL"
    return error


def message(error: FairleadError) -> agent_pb2.DockerFailure:
    told = " ".join([error.message, *(str(problem) for problem in error.problems)])
    return agent_pb2.DockerFailure(code=error.code, message=told, next_step=error.next_step)


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

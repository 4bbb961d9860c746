"""Docker's answers → the failures of `runtime.port`. Pure."""

from __future__ import annotations

from fairlead_agent.runtime.port import EngineAway, NameTaken, NoSuchContainer, NoSuchImage, RuntimeFailure

_BY_TEXT: tuple[tuple[int, str, type[RuntimeFailure]], ...] = (
    (404, "no such container", NoSuchContainer),
    (404, "no such image", NoSuchImage),
    (409, "is already in use by container", NameTaken),
)
"""Status, a part of Docker's sentence (lower case), failure. By text too: a start may answer 404 for a program."""


def from_answer(status: int | None, explanation: str) -> RuntimeFailure:
    """The failure that an HTTP answer of the Engine means; `str()` of it is Docker's own sentence."""
    sentence = explanation.strip() or f"Docker answered {status} without a reason"
    fitting = (kind for wanted, part, kind in _BY_TEXT if status == wanted and part in sentence.lower())
    failure = next(fitting, RuntimeFailure)(sentence)
    failure.status = status or 0
    return failure


def not_pulled(reference: str, reason: str) -> NoSuchImage:
    failure = NoSuchImage(f"the image {reference} could not be pulled: {reason.strip()}")
    failure.reason = reason.strip()
    return failure


def away(reason: str) -> EngineAway:
    return EngineAway(
        f"Docker does not answer ({reason}); start it on this server, for example with `systemctl start docker`."
    )

"""Which of what was seen may be forgotten when the same thing is done anew."""

from __future__ import annotations

from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState


def is_void(seen: Observation) -> bool:
    """A failure that gets another chance, or a removal that is asked for again.

    Not what has become well since somebody looked: its agent would not tell it a second time.
    """
    return seen.subject is Subject.REMOVAL or seen.state is TaskState.FAILED

from __future__ import annotations

import errno

import pytest

from fairlead_agent.disk_failures import sentence


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            OSError(errno.ENOSPC, "x", "/a"),
            "/a: No space left on device; make room on that disk, then this is tried again",
        ),
        (
            OSError(errno.ENOSPC, "x"),
            "/state: No space left on device; make room on that disk, then this is tried again",
        ),
        (OSError(errno.EACCES, "x", "/a"), "/a: Permission denied; run the agent as root and privileged"),
        (OSError(errno.EISDIR, "x", "/a"), "/a: Is a directory"),
    ],
)
def test_it_names_what_and_where_and_what_to_do(failure: OSError, said: str) -> None:
    assert sentence(failure, "/state") == said

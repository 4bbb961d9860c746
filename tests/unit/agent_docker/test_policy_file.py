"""From the policy file of a node to what people may do there."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_agent.app import ClosedPolicy, permission
from fairlead_agent.policy import load


@pytest.mark.parametrize(
    ("content", "level"), [(None, "read"), ("{}", "read"), ('{"docker": "off"}', "off"), ('{"docker": "full"}', "full")]
)
def test_the_level_is_the_files(tmp_path: Path, content: str | None, level: str) -> None:
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_text(content)
    assert permission(load(file), file).level == level


def test_a_file_that_can_not_be_read_allows_nothing(tmp_path: Path) -> None:
    made = permission(ClosedPolicy("it is no JSON"), tmp_path / "policy.json")
    assert (made.level, made.broken) == ("off", "it is no JSON")

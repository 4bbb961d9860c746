"""Calls of other programs, and waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_cli.lab.machine import CAP_SYS_RESOURCE, has_capability
from fairlead_cli.lab.processes import LabError, attempt, require, tail
from fairlead_cli.lab.wait import until


def test_a_program_reads_what_it_is_given() -> None:
    assert attempt(["cat"], timeout=10, stdin="one\n").output == "one\n"


def test_a_program_reads_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("two")
    assert attempt(["cat"], timeout=10, file=tmp_path / "file").output == "two"


def test_a_program_that_reads_gets_no_terminal() -> None:
    assert attempt(["cat"], timeout=10).output == ""


def test_a_missing_program_is_named() -> None:
    result = attempt(["no-such-program-here"], timeout=10)
    assert (result.code, result.last_words) == (127, "no-such-program-here: no such program")


def test_a_late_program_is_ended() -> None:
    result = attempt(["sleep", "60"], timeout=0.05)
    assert (result.code, result.last_words) == (124, "sleep did not end within 0.05 s")


def test_a_failure_says_the_last_words_and_what_to_do() -> None:
    with pytest.raises(LabError) as caught:
        require(["sh", "-c", "echo first >&2; echo the disk is full >&2; exit 3"], timeout=10, advice="Make room")
    assert str(caught.value).endswith("failed: the disk is full. Make room.")


def test_waiting_ends_as_soon_as_it_is_so() -> None:
    looks = iter([None, None, "there"])
    found = until(lambda: next(looks), what="it comes", timeout=5, advice=str, clock=lambda: 0.0, rest=lambda _: None)
    assert found == "there"


def test_waiting_in_vain_says_for_what_and_what_to_do() -> None:
    times = iter(range(100))
    with pytest.raises(LabError, match=r"It comes: not within 5 s\. Look at the log\."):
        until(
            lambda: None,
            what="it comes",
            timeout=5,
            advice=lambda: "Look at the log",
            clock=lambda: float(next(times)),
            rest=lambda _: None,
        )


def test_a_log_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log") == "(no log)"


@pytest.mark.parametrize(
    ("effective", "has"), [("000001fffeffffff", False), ("000001ffffffffff", True), ("0000000001000000", True)]
)
def test_the_kernel_tells_whether_a_capability_is_there(effective: str, has: bool) -> None:
    assert has_capability(f"Name:\tx\nCapEff:\t{effective}\nCapBnd:\t0\n", CAP_SYS_RESOURCE) is has


def test_lines_are_handed_on_as_they_come() -> None:
    lines: list[str] = []
    result = attempt(["sh", "-c", "echo one; echo two; echo why >&2; exit 4"], timeout=10, on_line=lines.append)
    assert (lines, result.code, result.errors) == (["one", "two"], 4, "why\n")


def test_a_late_program_is_ended_while_its_lines_are_read() -> None:
    result = attempt(["sh", "-c", "echo one; exec sleep 60"], timeout=0.2, on_line=lambda _: None)
    assert (result.code, result.last_words) == (124, "sh did not end within 0.2 s")

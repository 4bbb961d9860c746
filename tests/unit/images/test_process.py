"""Other programs: their lines arrive, their end is ours, their failure is a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fairlead_cli.images.errors import ImageError
from fairlead_cli.images.process import run

PYTHON = sys.executable


def test_lines_arrive_one_by_one_and_all_at_the_end() -> None:
    seen: list[str] = []
    said = run([PYTHON, "-c", "print('a'); print('b')"], timeout=60, advice="", on_line=seen.append)
    assert seen == ["a", "b"]
    assert said == "a\nb"


def test_a_missing_program_is_named_with_the_advice() -> None:
    with pytest.raises(ImageError, match="`no-such-program` is not installed") as caught:
        run(["no-such-program"], timeout=5, advice="Install it.")
    assert caught.value.next_step == "Install it."


def test_a_failure_shows_the_last_lines() -> None:
    script = "import sys\nfor n in range(99): print('line', n)\nsys.exit(3)"
    with pytest.raises(ImageError) as caught:
        run([PYTHON, "-c", script], timeout=60, advice="Look.")
    assert "code 3" in caught.value.message
    assert "line 98" in caught.value.message
    assert "line 9\n" not in caught.value.message


def test_a_deadline_ends_the_program() -> None:
    with pytest.raises(ImageError, match="did not finish within 1 s"):
        run(["sleep", "600"], timeout=1, advice="")


def test_an_interruption_ends_the_program_too() -> None:
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    started: list[int] = []

    def interrupt(line: str) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([PYTHON, "-c", script], timeout=60, advice="", on_line=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_environment_and_folder_are_handed_on(tmp_path: Path) -> None:
    script = "import os; print(os.getcwd(), os.environ['WORD'])"
    said = run([PYTHON, "-c", script], timeout=60, advice="", cwd=tmp_path, env={"WORD": "x"})
    assert said == f"{tmp_path} x"

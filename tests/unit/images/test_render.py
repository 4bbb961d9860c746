"""What people read while images are built."""

from __future__ import annotations

import io

from rich.console import Console

from fairlead_cli.images.progress import Progress, Step
from fairlead_cli.images.render import live, plain, remaining


def test_a_log_gets_a_line_at_the_start_now_and_then_and_at_the_end() -> None:
    lines: list[str] = []
    report = plain(lines.append)
    for second in range(25):
        report(Progress("etcd", f"at {second}", seconds=float(second)))
    report(Progress("etcd", "built", seconds=25.0, finished=True))
    assert [text.partition(" [")[0] for text in lines] == [
        "etcd: at 0",
        "etcd: at 10",
        "etcd: at 20",
        "etcd: built",
    ]


def test_the_rest_of_a_compilation_is_told_once_it_can_be_known() -> None:
    assert remaining(Progress("k", "", done=5, total=1000, seconds=3)) == ""
    assert remaining(Progress("k", "", done=500, total=1000, seconds=300)) == "about 5 min left"
    assert remaining(Progress("k", "", done=900, total=1000, seconds=90)) == "about 10 s left"
    assert remaining(Progress("k", "", done=1000, total=1000, seconds=90)) == ""


def test_the_steps_of_a_dockerfile_tell_nothing_about_the_rest() -> None:
    assert remaining(Progress("k", "", done=3, total=5, seconds=60)) == ""


def test_no_control_characters_go_to_a_file() -> None:
    out = io.StringIO()
    with live(Console(file=out)) as report:
        report(Progress("etcd", "RUN [x]", seconds=0.0))
    assert out.getvalue() == "etcd: RUN [x] [0.0 s]\n"


def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    out = io.StringIO()
    with live(Console(file=out, force_terminal=True, width=120)) as report:
        report(Progress("etcd", "compiling", done=1, total=3))
        report(Progress("etcd", "built", done=3, total=3, finished=True))
    assert "etcd" in out.getvalue()
    assert "built" in out.getvalue()


def test_a_step_keeps_its_units_between_reports() -> None:
    told: list[Progress] = []
    now = iter([0.0, 1.0, 2.0, 3.0])
    step = Step("go", told.append, lambda: next(now))
    step.tell("1 of 4", done=1, total=4)
    step.tick()
    step.finish("done")
    assert [(one.done, one.total, one.seconds) for one in told] == [(1, 4, 1.0), (1, 4, 2.0), (4, 4, 3.0)]

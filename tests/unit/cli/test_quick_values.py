"""Options come out as typer would have them, without what typer would load for it."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from typing import Annotated, Any

import pytest
import typer

from fairlead_cli.commands.quick_values import take_quickly


class Colour(StrEnum):
    RED = "red"
    BLUE = "dark blue"


app = typer.Typer(rich_markup_mode=None, add_completion=False)
SEEN: dict[str, Any] = {}


@app.command()
def show(
    text: str,
    rest: Annotated[list[str] | None, typer.Argument()] = None,
    name: Annotated[list[str] | None, typer.Option()] = None,
    count: Annotated[int, typer.Option()] = 7,
    few: Annotated[int, typer.Option(min=1, max=3)] = 2,
    maybe: Annotated[int | None, typer.Option()] = None,
    share: Annotated[float, typer.Option()] = 0.5,
    colour: Annotated[Colour, typer.Option()] = Colour.RED,
    other: Annotated[Colour | None, typer.Option()] = None,
    flag: Annotated[bool, typer.Option("--flag/--no-flag")] = True,
) -> None:
    SEEN.clear()
    SEEN.update(locals())


def called(quickly: bool, arguments: list[str]) -> dict[str, Any] | str:
    """What the function got, or what was wrong."""
    command = typer.main.get_command(app)
    if quickly:
        take_quickly(command)
    try:
        command.main(arguments, standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()
    return dict(SEEN)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a"],
        ["a", "b", "c"],
        ["a", "--name", "x", "--name", "y", "--count", "-3", "--colour", "dark blue", "--no-flag"],
        ["a", "--maybe", "0", "--other", "red", "--share", "1.5", "--few", "3"],
        ["a", "--count", "007"],
        ["a", "--count", " 5"],
        ["a", "--count", "five"],
        ["a", "--count", "1.0"],
        ["a", "--count", "9" * 30],
        ["a", "--few", "4"],
        ["a", "--few", "none"],
        ["a", "--colour", "green"],
        ["a", "--colour", ""],
        ["a", "--share", "much"],
        [""],
        [],
    ],
)
def test_values_are_typers_own(arguments: list[str]) -> None:
    assert called(True, arguments) == called(False, arguments)


@pytest.mark.parametrize(
    "arguments", [["docker", "ps", "-n", "3", "--node", "a", "-o", "json"], ["node", "ls"], ["events", "--follow"]]
)
def test_a_command_starts_without_pydantic(arguments: list[str]) -> None:
    script = (
        "import sys; from fairlead_cli.main import main; "
        f"assert main({arguments!r}) == 1; assert 'pydantic' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"FAIRLEAD_CONFIG": "/nonexistent", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "has no context" in done.stderr

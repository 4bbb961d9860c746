"""What all commands of `fairlead docker` have in common on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from fairlead_cli.commands.options import examples

LARGEST = 2**31 - 1
"""The most that a number of the API's can be (int32)."""

Function = TypeVar("Function", bound=Callable[..., Any])
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class DockerCommand(TyperCommand):
    """A command whose flags may also be written as Docker's: `--human=false`, `-H=false`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, plain_flags(args, self._flags()))

    def _flags(self) -> dict[str, str]:
        """Each flag and what says its contrary, empty for none."""
        found: dict[str, str] = {}
        for parameter in self.params:
            if getattr(parameter, "is_flag", False):
                contrary = next(iter(parameter.secondary_opts), "")
                found |= dict.fromkeys(parameter.opts, contrary)
        return found


def plain_flags(arguments: Sequence[str], flags: dict[str, str]) -> list[str]:
    """Pure. `--flag=true` as `--flag`, and `--flag=false` as its contrary or not at all."""
    found: list[str] = []
    for at, argument in enumerate(arguments):
        if argument == "--":
            return found + list(arguments[at:])
        name, equals, value = argument.partition("=")
        if not (equals and name in flags and value in _TRUTH):
            found.append(argument)
        elif said := name if _TRUTH[value] else flags[name]:
            found.append(said)
    return found


def docker_command(app: typer.Typer, *lines: str) -> Callable[[Function], Function]:
    """Makes a function the command of `app`; `lines`: examples at the end of its help."""
    return app.command(cls=DockerCommand, epilog=examples(*lines))

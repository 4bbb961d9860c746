"""Options that several commands share, and what the root command hands down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from fairlead_cli.client import Client

T = TypeVar("T")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for programs.")]
File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The cluster spec; - reads standard input.")]
ClusterName = Annotated[str, typer.Argument(metavar="CLUSTER", help="The cluster's name.")]


@dataclass(frozen=True)
class Settings:
    """`context`: the name given with --context, empty for the current one."""

    context: str = ""

    @property
    def program(self) -> str:
        """How to call the CLI again in the same way."""
        return f"fairlead --context {self.context}" if self.context else "fairlead"


def settings(context: typer.Context) -> Settings:
    found = context.find_object(Settings)
    return found or Settings()


def run(context: typer.Context, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    """Runs `work` with a client of the chosen context."""
    from fairlead_cli import client

    return client.run(settings(context).context, work)


def examples(*lines: str) -> str:
    """The end of a help text; the form feed keeps the lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def group(name: str, help_text: str) -> typer.Typer:
    """A noun with verbs."""
    return typer.Typer(name=name, help=help_text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def single() -> typer.Typer:
    """A command of its own."""
    return typer.Typer(rich_markup_mode=None, add_completion=False)

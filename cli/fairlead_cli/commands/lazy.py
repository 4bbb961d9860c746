"""A group of commands that are imported only when they are called, so that `fairlead --help` is instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fairlead_cli.commands.quick_values import take_quickly


@dataclass(frozen=True)
class Lazy:
    """Where a command lies ("module:typer_app") and its line in the list of commands."""

    target: str
    help: str


def load(name: str, lazy: Lazy) -> Any:
    """The real command."""
    module, _, attribute = lazy.target.partition(":")
    app: typer.Typer = getattr(import_module(module), attribute)
    app.rich_markup_mode = None  # one look for all, and help without loading rich
    command = typer.main.get_command(app)
    command.name = name
    take_quickly(command)
    return command


def lazy_group(table: Mapping[str, Lazy]) -> type[TyperGroup]:
    """A group class that lists `table` and loads an entry when it is called."""

    class LazyGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            # Stand-ins with only a help line: listing and suggesting need no more.
            self.commands = {name: TyperCommand(name, help=lazy.help) for name, lazy in table.items()}
            take_quickly(self)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            return name, load(name, table[name]) if name and name in table else command, rest

    return LazyGroup

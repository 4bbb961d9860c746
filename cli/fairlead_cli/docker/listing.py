"""Lists of things on nodes: tables as Docker's, templates, identifiers alone, or JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fairlead_cli.client import Client
from fairlead_cli.commands.options import Format, run
from fairlead_cli.docker import fanout
from fairlead_cli.docker.nodes import Wanted, choose
from fairlead_cli.docker.tabwriter import aligned
from fairlead_cli.docker.template import Fields, Template
from fairlead_cli.docker.template_functions import HEADER_FUNCTIONS
from fairlead_cli.render.console import put
from fairlead_cli.render.plain import json_text

Rows = Sequence[Fields]
# Longer than the agent waits for Docker, which may measure the sizes of all containers: its own sentence says more.
LIST_SECONDS = 400.0

FormatOption = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="table, json, a Go template, or `table TEMPLATE`.")
]


@dataclass(frozen=True)
class Layout:
    """How rows become text. `template`: of one row."""

    template: Template
    table: bool
    headers: Fields


def layout(form: str, columns: str, headers: Mapping[str, Any], several: bool) -> Layout:
    """`form` as --format takes it, empty for the default; `columns`: the default table; NODE in front if `several`."""
    text = form or "table"
    table = text.startswith("table")
    if table:
        text = text.removeprefix("table").strip(" ") or columns
    text = "{{json .}}" if text == "json" else text.replace("\\t", "\t").replace("\\n", "\n")
    if several and not {"", "Node"} & Template(text).fields():
        text = "{{.Node}}" + ("\t" if table else " ") + text
    return Layout(Template(text), table, Fields(headers, Node="NODE", Label=lambda name: name.rpartition(".")[2]))


class Printer:
    """Prints rows as they come, those of each batch in line with the earlier ones."""

    def __init__(self, how: Layout) -> None:
        self._how = how
        self._lines = [how.template.run(how.headers, functions=HEADER_FUNCTIONS)] if how.table else []
        self._printed = 0

    def add(self, rows: Rows) -> str:
        """The text that is new, its last newline included."""
        self._lines += [self._how.template.run(row) for row in rows]
        whole = "".join(f"{line}\n" for line in self._lines)
        if not self._how.table:
            self._lines = []
            return whole
        lines = aligned(whole).split("\n")
        new, self._printed = lines[self._printed :], len(lines) - 1
        return "\n".join(new)


@dataclass(frozen=True)
class Listed:
    """A command that lists: how one node is asked, how its answer is shown.

    `ask` returns protobuf's or JSON's values; `rows` makes rows of them, with the node's name; `plain` makes JSON's
    values for `-o json`, under the name `key`.
    """

    ask: Callable[[Client, str], Awaitable[Any]]
    rows: Callable[[Any, str], Rows]
    plain: Callable[[Any], Any]
    key: str
    layout: Callable[[bool, Rows], Layout]

    def show(self, context: typer.Context, chosen: Wanted, output: Format) -> None:
        """The whole command. Raises typer.Exit(1) if it failed on any node."""

        async def work(client: Client) -> bool:
            nodes = await choose(client, chosen)
            shown = self._json if output is Format.JSON else self._text
            return await shown(client, nodes)

        fanout.end(run(context, work))

    async def _text(self, client: Client, nodes: Sequence[str]) -> bool:
        printer: Printer | None = None
        failed = False
        async for batch in fanout.each(nodes, lambda node: self.ask(client, node)):
            rows = [row for o in batch if o.value is not None for row in self.rows(o.value, o.node)]
            if printer is None and any(o.value is not None for o in batch):
                printer = Printer(self.layout(len(nodes) > 1, rows))
            if printer is not None:
                put(printer.add(rows))
            failed |= fanout.show_failures(batch)
        return failed

    async def _json(self, client: Client, nodes: Sequence[str]) -> bool:
        outcomes = await fanout.gather(nodes, lambda node: self.ask(client, node))
        put(json_text([self._entry(outcome) for outcome in outcomes]) + "\n")
        return fanout.show_failures(outcomes)

    def _entry(self, outcome: fanout.Outcome[Any]) -> dict[str, Any]:
        value = None if outcome.value is None else self.plain(outcome.value)
        return {"node": outcome.node, self.key: value, "error": fanout.error_json(outcome.error)}

"""An operation as it goes on: one live line a node and component on a terminal, a plain line a change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from fairlead.api.v1 import operations_pb2
from fairlead_cli.render.console import is_terminal, say
from fairlead_cli.render.words import seconds, span, style_of

if TYPE_CHECKING:
    from rich.table import Table

Operation = operations_pb2.Operation
Step = operations_pb2.Step
# Lines of a terminal that are kept for what comes before and after.
MARGIN_LINES = 4


def state_text(step: Step) -> str:
    """The state, and what it waits for or how it failed."""
    if step.message.startswith("waits for "):
        return f"waiting for {step.message.removeprefix('waits for ')}"
    return f"{step.state}: {step.message}" if step.message else step.state


def folded(steps: Iterable[Step]) -> Iterator[Step]:
    """One step for each node that is done, for fleets that are longer than a screen."""
    by_node: dict[str, list[Step]] = {}
    for step in steps:
        by_node.setdefault(step.node, []).append(step)
    for node, own in by_node.items():
        if all(style_of(step.state) == "green" for step in own):
            yield Step(node=node, component=f"all {len(own)}", state=own[0].state)
        else:
            yield from (step for step in own if style_of(step.state) != "green")


class Display(Protocol):
    def show(self, operation: Operation) -> None: ...
    def __enter__(self) -> Display: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display(now: Callable[[], float]) -> Display:
    """What suits standard output. `now`: seconds since 1970."""
    return LiveDisplay(now) if is_terminal() else PlainDisplay(now)


class PlainDisplay:
    """For logs and pipes: each change once, in the order of its coming."""

    def __init__(self, now: Callable[[], float], write: Callable[[str], None] = say) -> None:
        self._now = now
        self._write = write
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}

    def show(self, operation: Operation) -> None:
        for line in self._news(operation):
            self._write(line)

    def _news(self, operation: Operation) -> Iterator[str]:
        elapsed = span(max(0.0, self._now() - seconds(operation.create_time)))
        for step in operation.steps:
            key = (step.node, step.component)
            # What a step waits for changes with every other step: in a log it is told once.
            state = (step.state, "" if step.state == "waiting" else step.message)
            if self._shown.get(key) != state:
                self._shown[key] = state
                yield f"{elapsed:>7}  {step.node}  {step.component}  {state_text(step)}"

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class LiveDisplay:
    """For terminals: the same lines, kept up to date in place; the last state stays on the screen."""

    def __init__(self, now: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._now = now
        self._operation: Operation | None = None
        self._console = Console(highlight=False)
        self._live: Any = Live(console=self._console, get_renderable=self._table, refresh_per_second=8)

    def show(self, operation: Operation) -> None:
        self._operation = operation

    def _table(self) -> Table:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        steps = list(self._operation.steps) if self._operation else []
        room = self._console.height - MARGIN_LINES
        for step in steps if len(steps) <= room else folded(steps):
            grid.add_row(*self._row(step))
        return grid

    def _row(self, step: Step) -> tuple[Any, ...]:
        from rich.spinner import Spinner
        from rich.text import Text

        style = style_of(step.state)
        settled = style in ("green", "red")
        sign: Any = Text({"green": "✓", "red": "✗"}[style], style=style) if settled else self._spinner(Spinner)
        since = seconds(step.since)
        lasted = span(max(0.0, self._now() - since)) if since and not settled else ""
        message = Text(step.message, style="dim")
        return sign, step.node, step.component, Text(step.state, style=style), Text(lasted, style="dim"), message

    def _spinner(self, kind: Any) -> Any:
        # One for all lines: a new one each time would stand still.
        if not hasattr(self, "_turning"):
            self._turning = kind("dots")
        return self._turning

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)

"""Images on their way to nodes: one live line a node on a terminal, a plain line a change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from fairlead.api.v1 import images_pb2
from fairlead_cli.render.console import is_terminal, say
from fairlead_cli.render.missing_images import grouped
from fairlead_cli.render.words import size, span

if TYPE_CHECKING:
    from rich.table import Table

News = images_pb2.PrefetchImagesResponse
FETCHING, DONE, FAILED = (
    images_pb2.PREFETCH_STATE_FETCHING,
    images_pb2.PREFETCH_STATE_DONE,
    images_pb2.PREFETCH_STATE_FAILED,
)
MARGIN_LINES = 4


@dataclass
class OnNode:
    """How far one node is. `images`, `size`: what it lacked when it was asked, 0 where that is not known."""

    images: int = 0
    size: int = 0
    done: int = 0
    done_size: int = 0
    failed: int = 0
    current: str = ""
    since: float = 0.0

    @property
    def is_settled(self) -> bool:
        return not self.current and self.done + self.failed >= max(self.images, 1)

    @property
    def counts(self) -> str:
        return f"{self.done}/{max(self.images, self.done + self.failed + bool(self.current))}"


class Progress:
    """What is known of all nodes, by name. `now`: seconds."""

    def __init__(self, expected: images_pb2.FindMissingImagesResponse | None, now: Callable[[], float]) -> None:
        self._now = now
        self.began = now()
        self.news: list[News] = []
        """The last news of each image that came to an end."""
        lacking = grouped(expected.images) if expected is not None else {}
        self.nodes = {
            name: OnNode(len(images), sum(image.size_bytes for image in images)) for name, images in lacking.items()
        }

    @property
    def failures(self) -> list[News]:
        return [news for news in self.news if news.state == FAILED]

    def take(self, news: News) -> None:
        node = self.nodes.setdefault(news.image.node, OnNode())
        node.current = news.image.reference if news.state == FETCHING else ""
        node.since = self._now()
        if news.state != FETCHING:
            self.news.append(news)
            node.failed += news.state == FAILED
        if news.state == DONE:
            node.done += 1
            node.done_size += news.image.size_bytes

    def lasted(self, node: OnNode) -> str:
        return span(max(0.0, self._now() - node.since)) if node.current else ""


class Display(Protocol):
    def show(self, news: News) -> None: ...
    def __enter__(self) -> Display: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display(progress: Progress, silent: bool = False) -> Display:
    """What suits standard output; `silent`: something else is written there."""
    if silent:
        return PlainDisplay(lambda line: None, progress)
    return LiveDisplay(progress) if is_terminal() else PlainDisplay(say, progress)


class PlainDisplay:
    """For logs and pipes: each change once."""

    def __init__(self, write: Callable[[str], None], progress: Progress) -> None:
        self._write, self._progress = write, progress

    def show(self, news: News) -> None:
        node = self._progress.nodes[news.image.node]
        for line in _lines(news, node):
            self._write(line)

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _lines(news: News, node: OnNode) -> Iterator[str]:
    name, reference = news.image.node, news.image.reference
    known = size(news.image.size_bytes)
    if news.state == FETCHING:
        yield f"{name}  {node.counts}  fetching {reference}{f' ({known})' if known else ''}"
    elif news.state == DONE:
        yield f"{name}  {node.counts}  has {reference}"
    else:
        yield f"{name}  failed{f': {reference}' if reference else ''}"


class LiveDisplay:
    """For terminals: a line a node, kept up to date in place."""

    def __init__(self, progress: Progress) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._progress = progress
        self._console = Console(highlight=False)
        self._spinner = Spinner("dots")
        self._live: Any = Live(console=self._console, get_renderable=self._table, refresh_per_second=8)

    def show(self, news: News) -> None:
        pass  # what was taken is shown at the next refresh

    def _table(self) -> Table:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        # Those that are not through, if the screen is too small for all.
        room = self._console.height - MARGIN_LINES
        shown = sorted(self._progress.nodes.items(), key=lambda item: item[1].is_settled)[: max(room, 1)]
        for name, node in sorted(shown):
            grid.add_row(*self._row(name, node))
        return grid

    def _row(self, name: str, node: OnNode) -> tuple[Any, ...]:
        from rich.text import Text

        style = "red" if node.failed else "green" if node.is_settled else ""
        sign: Any = Text({"red": "✗", "green": "✓"}[style], style=style) if node.is_settled else self._spinner
        amount = f"{size(node.done_size) or '0'} of {size(node.size)}" if node.size else ""
        said = f"{node.failed} failed" if node.failed and node.is_settled else node.current
        lasted = Text(self._progress.lasted(node), style="dim")
        return sign, name, f"{node.counts} images", Text(amount, style="dim"), Text(said, style=style), lasted

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)

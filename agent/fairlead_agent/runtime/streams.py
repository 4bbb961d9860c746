"""A blocking stream on a thread of its own, read by the event loop and ended by closing its socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")


class Closeable(Protocol):
    """What docker's `CancellableStream` is: iterated on one thread, closed from another."""

    def __iter__(self) -> Iterator[Any]: ...

    def close(self) -> None: ...


class ThreadedStream(Generic[Item]):
    """Opens and reads a blocking stream on its own thread; `async for` gives its items, a failure is raised there.

    `translate` turns what the thread raised into what the reader gets. `close` may be called at any time, also while
    the stream is still being opened.
    """

    def __init__(self, opener: Callable[[], Closeable], translate: Callable[[Exception], Exception], name: str) -> None:
        self._opener = opener
        self._translate = translate
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[tuple[Item | None, Exception | None]] = asyncio.Queue()
        self._lock = threading.Lock()
        self._source: Closeable | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            item, failure = await self._items.get()
            if failure is not None:
                raise failure
            if item is None:
                return
            yield item

    def close(self) -> None:
        """Ends the stream: its thread wakes from the read and stops."""
        with self._lock:
            self._closed = True
            source = self._source
        if source is not None:
            with suppress(Exception):
                source.close()

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            for item in self._opened():
                self._hand_over(item, None)
        except Exception as error:
            failure = self._translate(error)
        self._hand_over(None, None if self._closed else failure)

    def _opened(self) -> Iterator[Any]:
        source = self._opener()
        with self._lock:
            self._source = source
            closed = self._closed
        if closed:
            source.close()
            return iter(())
        return iter(source)

    def _hand_over(self, item: Item | None, failure: Exception | None) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._items.put_nowait, (item, failure))

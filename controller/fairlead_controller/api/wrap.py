"""Runs something before a gRPC handler, whatever its kind: an interceptor sees no peer, a wrapped handler does."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fairlead_controller.handlers import remade


@dataclass(frozen=True)
class Call:
    """What a guard may look at. `request` is a message, or an iterator of them that must be left alone."""

    request: Any
    context: Any


def wrapped(handler: Any, before: Callable[[Call], Awaitable[None]]) -> Any:
    """The same method, with `before` awaited first in the same task; what it raises, the method raises."""
    return remade(handler, lambda inner: _single(inner, before), lambda inner: _streaming(inner, before))


def _single(inner: Any, before: Callable[[Call], Awaitable[None]]) -> Any:
    async def behaviour(request: Any, context: Any) -> Any:
        await before(Call(request, context))
        answer = inner(request, context)
        return await answer if inspect.isawaitable(answer) else answer

    return behaviour


def _streaming(inner: Any, before: Callable[[Call], Awaitable[None]]) -> Any:
    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        await before(Call(request, context))
        answer = inner(request, context)
        if inspect.isawaitable(answer):  # it writes to the context by itself
            await answer
            return
        async for message in answer:
            yield message

    return behaviour

"""What a handler raises becomes a gRPC status that says what to do next, and never a traceback at the peer."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import structlog

from fairlead_controller.handlers import remade
from fairlead_wire.errors import FairleadError
from fairlead_wire.status import to_status

_log = structlog.get_logger(__name__)


class Internal(FairleadError):
    """A fault of ours. The reference is all that a peer learns of it; the log has the rest."""

    code = "INTERNAL"


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """The outermost interceptor of both listeners."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)
        return handler and _guarded(handler, details.method)


def _guarded(handler: Any, method: str) -> Any:
    return remade(handler, lambda inner: _single(inner, method), lambda inner: _streaming(inner, method))


def _single(inner: Any, method: str) -> Any:
    async def behaviour(request: Any, context: Any) -> Any:
        try:
            answer = inner(request, context)
            return await answer if inspect.isawaitable(answer) else answer
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await _abort(context, error, method)

    return behaviour


def _streaming(inner: Any, method: str) -> Any:
    async def behaviour(request: Any, context: Any) -> None:
        try:
            answer = inner(request, context)
            if inspect.isawaitable(answer):  # it writes to the context by itself
                await answer
                return
            async with aclosing(answer):  # at once, also when a peer has gone amid a message
                async for message in answer:
                    await context.write(message)
        except grpc.aio.AbortError:
            raise
        except grpc.aio.InternalError as error:  # how a write fails whose peer has gone
            raise asyncio.CancelledError from error
        except Exception as error:
            await _abort(context, error, method)

    return behaviour


async def _abort(context: Any, error: Exception, method: str) -> NoReturn:
    if context.cancelled() or context.done():
        raise asyncio.CancelledError from error  # nobody is left to be told
    await context.abort_with_status(to_status(_told(error, method)))
    raise AssertionError("abort_with_status always raises")


def _told(error: Exception, method: str) -> FairleadError:
    if isinstance(error, FairleadError):
        return error
    reference = secrets.token_hex(4)
    _log.error("a call failed unexpectedly", method=method, reference=reference, exc_info=error)
    return Internal(
        f"The controller failed inside (reference {reference}).",
        "Look for that reference in the controller's log and report what stands there.",
    )

"""Method handlers of gRPC's Python server, remade around another behaviour: the one table of their four kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

_MAKERS: dict[tuple[bool, bool], tuple[str, Callable[..., Any]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


def handler(requests: bool, answers: bool, behaviour: Any) -> Any:
    """A method whose requests and answers stay bytes; `requests`, `answers`: whether these are streams."""
    return _MAKERS[requests, answers][1](behaviour, None, None)


def remade(handler: Any, single: Callable[[Any], Any], streaming: Callable[[Any], Any]) -> Any:
    """The same method around `single(inner)`, or `streaming(inner)` if it answers with a stream."""
    kind, maker = _MAKERS[handler.request_streaming, handler.response_streaming]
    behaviour = (streaming if handler.response_streaming else single)(getattr(handler, kind))
    return maker(behaviour, handler.request_deserializer, handler.response_serializer)

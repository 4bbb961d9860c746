"""The PeopleEngine on a real Docker Engine.

Short calls use docker's own client in a bounded pool of threads, apart from that of components. A stream is opened on a
thread of its own and then read by the event loop: a hundred followers need no hundred threads, a slow reader stops the
reading by itself, and a stream ends in the moment in which its socket is closed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import docker.auth
from docker.api.client import APIClient

from fairlead_agent.runtime.docker_engine import SOCKET
from fairlead_agent.runtime.engine_client import CALL_SECONDS, EngineClient, opened
from fairlead_agent.runtime.engine_line import Begun, EngineLine, Upload, begun
from fairlead_agent.runtime.failures import away
from fairlead_agent.runtime.framings import Malformed
from fairlead_agent.runtime.people_port import EngineRequest, EngineStream
from fairlead_wire.docker_calls import BLOCK_BYTES

THREADS = 8
"""People's short calls at a time; more wait."""
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
_GONE = "it went away in the middle"


class DockerForPeople:
    """See `runtime.people_port.PeopleEngine`."""

    def __init__(self, base_url: str = SOCKET, call_seconds: int = CALL_SECONDS) -> None:
        self._client = EngineClient(base_url, call_seconds, THREADS, "docker-people")

    def close(self) -> None:
        self._client.close()

    async def ask(self, request: EngineRequest) -> Any:
        return await self._client.call(lambda client: _answer(client, request), extra=request.seconds)

    async def open(self, request: EngineRequest, body: AsyncIterator[bytes] | None = None) -> EngineStream:
        line = EngineLine(self._client.base_url, request.seconds)
        upload = None if body is None else Upload(body)

        def begin() -> Begun:
            client = self._client.connected()
            sent = upload if upload is not None else _body(request)
            return line.begin(request.method, _target(client, request), _headers(client, request, body), sent)

        def cut() -> None:
            line.cut()
            if upload is not None:
                upload.stop()

        try:
            answer = await begun(line, begin, cut, f"docker-open {request.path}")
        except Exception as error:
            broken = isinstance(error, http.client.HTTPException)
            # On a thread: it waits for whoever is just trying to reach an Engine that does not answer.
            raise await asyncio.to_thread(self._client.failure, OSError(_GONE) if broken else error) from None
        return await SocketStream.over(answer)


class SocketStream:
    """See `runtime.people_port.EngineStream`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Begun) -> None:
        self._reader, self._writer = reader, writer
        self._first, self._framing = answer.first, answer.framing

    @classmethod
    async def over(cls, answer: Begun) -> SocketStream:
        try:
            reader, writer = await asyncio.open_connection(sock=answer.socket, limit=BLOCK_BYTES)
        except BaseException:
            answer.socket.close()
            raise
        return cls(reader, writer, answer)

    async def read(self, most: int = BLOCK_BYTES) -> bytes:
        while not self._framing.ended:
            data = await self._came(most)
            if not data and not self._framing.may_break:
                raise away(_GONE)
            if not data:
                return b""
            try:
                content = self._framing.take(data)
            except Malformed:
                raise away(_GONE) from None
            if content:
                return content
        return b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _came(self, most: int) -> bytes:
        if self._first:
            data, self._first = self._first[:most], self._first[most:]
            return data
        try:
            return await self._reader.read(most)
        except OSError:
            raise away(_GONE) from None


def _answer(client: APIClient, request: EngineRequest) -> Any:
    how: dict[str, Any] = {"params": dict(request.query), "timeout": (CALL_SECONDS, request.seconds)}
    if request.body is not None:
        how["json"] = request.body
    with opened(client, request.method, request.path.lstrip("/"), **how) as answer:
        return answer.json() if answer.content.strip() else None


def _target(client: APIClient, request: EngineRequest) -> str:
    query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
    return f"/v{client.api_version}{request.path}{query}"


def _body(request: EngineRequest) -> bytes | None:
    return None if request.body is None else json.dumps(request.body).encode()


def _headers(client: APIClient, request: EngineRequest, body: object) -> dict[str, str]:
    headers = dict(_UPGRADE) if request.hijack else {}
    if body is not None:
        headers["Content-Type"] = "application/x-tar"
    elif request.body is not None or request.method == "POST":
        headers["Content-Type"] = "application/json"
    if request.repository:
        registry, _ = docker.auth.resolve_repository_name(request.repository)
        if known := docker.auth.get_config_header(client, registry):
            headers["X-Registry-Auth"] = known.decode()
    if request.registries and (all_known := docker.auth.load_config().get_all_credentials()):  # type: ignore[no-untyped-call]
        headers["X-Registry-Config"] = docker.auth.encode_header(all_known).decode()
    return headers

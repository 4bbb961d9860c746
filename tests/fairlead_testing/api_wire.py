"""A line to the controller that a test can cut."""

from __future__ import annotations

import asyncio


class Wire:
    """A TCP forwarder that can be cut: all connections end, new ones are taken again."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0

    async def open(self) -> str:
        """Where it listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return "{}:{}".format(*self._server.sockets[0].getsockname())

    def lead_to(self, endpoint: str) -> None:
        """Where new connections lead from now on."""
        self._endpoint = endpoint

    async def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        await self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        host, _, port = self._endpoint.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        except OSError:
            pass  # cut
        finally:
            self._writers -= ends
            for end in ends:
                end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()

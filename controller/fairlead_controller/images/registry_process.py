"""The registry as a child of the controller: started, watched, started again, never outliving it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from fairlead_controller.images import end_with_parent, registry_log
from fairlead_controller.images.memory_file import memory_files, path_of
from fairlead_wire.backoff import delays
from fairlead_wire.channels import Credentials
from fairlead_wire.registry_config import RegistryFiles, configuration

_log = structlog.get_logger(__name__)

WRAPPER = Path(end_with_parent.__file__).resolve()
START_SECONDS = 30.0
STOP_SECONDS = 3.0
LOOK_SECONDS = 0.1
HANDSHAKE_SECONDS = 5.0
# One that ran so long did not fail at its start: the next try comes at once.
STEADY_SECONDS = 60.0
# Its certificate lasts a year (pki.authority); a fresh one comes long before.
RENEW_SECONDS = 90 * 24 * 3600.0
# Whatever else is in the controller's environment: REGISTRY_… would change the configuration.
ENVIRONMENT = {"OTEL_TRACES_EXPORTER": "none"}


@dataclass(frozen=True)
class Registry:
    """How it is run. `program`: the CNCF registry's; `root`: the folder of its store; `host`, `port`: where it listens;
    `at`: how nodes reach it, "HOST:PORT"; `credentials`: fresh ones for each start."""

    program: Path
    root: Path
    host: str
    port: int
    at: str
    credentials: Callable[[], Credentials]


class RegistryProcess:
    """`serve_at` is called with `registry.at` when the registry answers, and with "" when it does no longer."""

    def __init__(self, registry: Registry, serve_at: Callable[[str], None]) -> None:
        self._registry = registry
        self._serve_at = serve_at

    async def run(self, rest: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Keeps it running until cancelled; then it is gone."""
        waits = delays(random.random)
        while True:
            began = time.monotonic()
            try:
                why = await self._once()
            except OSError as error:
                why = f"{error.strerror or error}"
            if time.monotonic() - began > STEADY_SECONDS:
                waits = delays(random.random)
            wait = next(waits)
            _log.warning("the registry ended", why=why, again_in_seconds=round(wait, 1))
            await rest(wait)

    async def _once(self) -> str:
        """From its start to its end; why it ended."""
        mine = self._registry.credentials()
        async with self._started(mine) as process:
            watched = asyncio.create_task(self._watch(mine))
            try:
                async with asyncio.timeout(RENEW_SECONDS):
                    return f"exit code {await process.wait()}"
            except TimeoutError:
                return "its certificate is renewed"
            finally:
                watched.cancel()
                await asyncio.wait([watched])
                self._serve_at("")

    async def _watch(self, mine: Credentials) -> None:
        """Tells once that it answers."""
        began, address = time.monotonic(), (self._registry.host, self._registry.port)
        while not await _answers(address, mine):
            if time.monotonic() - began > START_SECONDS:
                _log.error("the registry does not answer", at=f"{address[0]}:{address[1]}")
                began = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
        _log.info("the registry answers", at=self._registry.at)
        self._serve_at(self._registry.at)

    @asynccontextmanager
    async def _started(self, mine: Credentials) -> AsyncIterator[asyncio.subprocess.Process]:
        """The process, ended after the block. Raises OSError.

        It is started by the thread of the event loop: a child is told of the end of the thread that made it.
        """
        with memory_files(certificate=mine.chain, key=mine.key, authority=mine.authority) as files:
            paths = RegistryFiles(str(self._registry.root), *(path_of(files[name]) for name in files))
            document = configuration(paths, _address(self._registry), os.urandom(16).hex())
            with memory_files(configuration=document) as more:
                process = await self._spawn(more["configuration"], (*files.values(), *more.values()))
        told = [asyncio.create_task(registry_log.pass_on(stream)) for stream in (process.stdout, process.stderr)]
        try:
            yield process
        finally:
            await _ended(process)
            await asyncio.wait(told, timeout=STOP_SECONDS)
            for task in told:
                task.cancel()

    async def _spawn(self, configured: int, passed: tuple[int, ...]) -> asyncio.subprocess.Process:
        words = [str(os.getpid()), str(self._registry.program), "registry", "serve", path_of(configured)]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(WRAPPER), *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=passed,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C is the controller's to pass on
        )


def _address(registry: Registry) -> str:
    host = f"[{registry.host}]" if ":" in registry.host else registry.host
    return f"{host}:{registry.port}"


async def _answers(address: tuple[str, int], mine: Credentials) -> bool:
    """Whether something serves there with our certificate, and no other program."""
    context = ssl.create_default_context(cadata=mine.authority.decode())
    context.check_hostname = False  # it is compared as a whole
    ours = ssl.PEM_cert_to_DER_cert(mine.chain.decode().partition(_END)[0] + _END)
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(*_reachable(address), ssl=context)
    except (OSError, ssl.SSLError, TimeoutError):
        return False
    try:
        return bool(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == ours)
    finally:
        writer.transport.abort()


_END = "-----END CERTIFICATE-----"


def _reachable(address: tuple[str, int]) -> tuple[str, int]:
    """Where to connect to what listens there; who listens at all addresses also does on loopback."""
    host, port = address
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104


async def _ended(process: asyncio.subprocess.Process) -> None:
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()

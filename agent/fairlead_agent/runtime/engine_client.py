"""docker's own client for short calls: a bounded pool of threads, a deadline for each call, failures in our words.

The API version is negotiated at the first call and again after the Engine was away.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import docker.errors
import requests
from docker.api.client import APIClient

from fairlead_agent.runtime.failures import away, from_answer

CALL_SECONDS = 30
"""How long the Engine may be silent within a short call; creating a container takes seconds on a slow disk."""

Result = TypeVar("Result")


class EngineClient:
    """`seconds`: how long the Engine may be silent; `threads`: how many calls at a time."""

    def __init__(self, base_url: str, seconds: int, threads: int, name: str = "docker") -> None:
        self.base_url, self.seconds = base_url, seconds
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._client: APIClient | None = None

    def close(self) -> None:
        self.forget()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def call(self, what: Callable[[APIClient], Result], extra: float = 0) -> Result:
        """A short call on the pool. The socket's own timeout ends a thread; the longer one here also covers the wait
        for a free thread, which is no fault of the Engine's."""
        seconds = 4 * self.seconds + extra
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._on_thread, what)
        except TimeoutError:
            raise away(f"no answer within {seconds:.0f} s") from None

    def failure(self, error: Exception) -> Exception:
        """What an exception of `docker` or `requests` means; the client is made anew after the Engine was away."""
        if isinstance(error, docker.errors.APIError):
            return from_answer(error.status_code, str(error.explanation or error))
        if isinstance(error, requests.RequestException | docker.errors.DockerException | OSError):
            self.forget()
            return away(_reason(error))
        return error

    def connected(self) -> APIClient:
        """Raises OSError when nobody listens."""
        _knock(self.base_url)
        with self._lock:
            if self._client is None:
                self._client = APIClient(
                    self.base_url, version="auto", timeout=self.seconds, max_pool_size=self._threads
                )
            return self._client

    def forget(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _on_thread(self, what: Callable[[APIClient], Result]) -> Result:
        try:
            return what(self.connected())
        except Exception as error:
            raise self.failure(error) from None


def opened(client: APIClient, method: str, path: str, **how: Any) -> requests.Response:
    """A streamed answer. Not by docker's own calls: some give no way to close the socket, some leave it open."""
    answer = client.request(method, f"{client.base_url}/v{client.api_version}/{path}", stream=True, **how)
    if not answer.ok:
        with answer:
            raise from_answer(answer.status_code, _message(answer))
    return answer


def _knock(base_url: str) -> None:
    """Raises OSError when nobody listens. Before each call, since docker's own connections leave the socket of such an
    attempt open for as long as anybody has the exception."""
    if base_url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(CALL_SECONDS)
            knocking.connect(base_url.removeprefix("unix://"))


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text


def _reason(error: Exception) -> str:
    """The innermost reason: what `requests` wraps around it tells people nothing."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

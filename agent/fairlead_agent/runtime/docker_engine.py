"""The Runtime on a real Docker Engine. The only module that imports `docker`.

Short calls share a bounded pool of threads and have a deadline each; every stream (events, a pull, a command inside)
has a thread of its own, ended by closing its socket. The API version is negotiated at the first call and again after
the Engine was away.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, TypeVar

import docker.auth
import docker.errors
import docker.utils
import requests
from docker.api.client import APIClient
from docker.types import CancellableStream

from fairlead_agent.runtime.container_spec import COMPONENT_LABEL, container, create_body, event
from fairlead_agent.runtime.failures import away, from_answer, not_pulled
from fairlead_agent.runtime.http_streams import frames, json_lines
from fairlead_agent.runtime.port import (
    PROTECTED,
    Container,
    EngineAway,
    EngineInfo,
    NoSuchContainer,
    NoSuchImage,
    RestartPolicy,
    RuntimeEvent,
    RuntimeFailure,
)
from fairlead_agent.runtime.streams import ThreadedStream
from fairlead_wire.task import TaskSpec

SOCKET = "unix:///var/run/docker.sock"
CALL_SECONDS = 30
"""How long the Engine may be silent within a short call; creating a container takes seconds on a slow disk."""
PULL_SECONDS = 1800
SILENT_PULL_SECONDS = 300
"""Docker tells of progress several times a second; unpacking one large layer on a slow disk is the longest pause."""
CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]
"""What `docker info` says where images are in containerd's store (moby, daemon/containerd)."""
THREADS = 12
"""As many as there are components: all may be stopping at a time."""
LOG_BYTES = 64 * 1024

Result = TypeVar("Result")


class DockerEngine:
    """See `runtime.port.Runtime`. `close` ends its threads."""

    def __init__(self, base_url: str = SOCKET, call_seconds: int = CALL_SECONDS) -> None:
        self._base_url = base_url
        self._seconds = call_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._lock = threading.Lock()
        self._client: APIClient | None = None
        self._streams: set[ThreadedStream[Any]] = set()

    def close(self) -> None:
        for stream in tuple(self._streams):
            self._end(stream)
        self._forget()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def engine(self) -> EngineInfo:
        version, info = await asyncio.gather(
            self._call(lambda client: client.version()), self._call(lambda client: client.info())
        )
        return EngineInfo(
            version=version["Version"],
            api_version=version["ApiVersion"],
            root=info["DockerRootDir"],
            cgroup_driver=info["CgroupDriver"],
            cgroup_version=int(info.get("CgroupVersion", "1")),
            live_restore=info["LiveRestoreEnabled"],
            name=info["Name"],
            operating_system=info["OperatingSystem"],
            oldest_api=version.get("MinAPIVersion", ""),
            storage_driver=info["Driver"],
            containerd_store=CONTAINERD_STORE in (info.get("DriverStatus") or []),
            logging_driver=info["LoggingDriver"],
            security=tuple(info.get("SecurityOptions") or []),
        )

    async def containers(self) -> tuple[Container, ...]:
        identities = await self._identities(COMPONENT_LABEL)
        found = await asyncio.gather(*(self._inspected(identity) for identity in identities))
        return tuple(sorted((item for item in found if item is not None), key=lambda item: item.name))

    async def has_image(self, reference: str) -> bool:
        try:
            await self._call(partial(_inspect_image, reference=reference))
        except NoSuchImage:
            return False
        return True

    async def pull(self, reference: str) -> None:
        try:
            async with aclosing(self._lines(partial(_pull, reference=reference), "docker-pull", PULL_SECONDS)) as lines:
                async for line in lines:
                    if "error" in line:
                        raise not_pulled(reference, line["error"])
        except TimeoutError:
            raise not_pulled(reference, f"it took longer than {PULL_SECONDS} s") from None
        except (EngineAway, NoSuchImage):
            raise
        except RuntimeFailure as failure:
            raise not_pulled(reference, str(failure)) from None

    async def create(self, cluster: str, spec: TaskSpec, name: str) -> str:
        body = create_body(cluster, spec)
        created = await self._call(partial(_create, body=body, name=name))
        return str(created["Id"])

    async def start(self, container_id: str) -> None:
        await self._call(lambda client: client.start(container_id))

    async def stop(self, container_id: str, seconds: int) -> None:
        await self._call(lambda client: client.stop(container_id, timeout=seconds), extra=seconds)

    async def remove(self, container_id: str) -> None:
        with suppress(NoSuchContainer):
            await self._call(lambda client: _remove(client, container_id, self._seconds))

    async def rename(self, container_id: str, name: str) -> None:
        await self._call(lambda client: client.rename(container_id, name))

    async def set_restart(self, container_id: str, policy: RestartPolicy) -> None:
        await self._call(partial(_set_restart, container_id=container_id, policy=policy))

    async def logs(self, container_id: str, lines: int) -> str:
        raw = await self._call(lambda client: client.logs(container_id, tail=lines))
        return bytes(raw)[-LOG_BYTES:].decode(errors="replace")

    async def run_inside(self, container_id: str, argv: tuple[str, ...], timeout: float) -> tuple[int, str]:
        made = await self._call(lambda client: client.exec_create(container_id, list(argv)))
        output = bytearray()
        try:
            async with aclosing(
                self._lines(partial(_exec, exec_id=made["Id"], seconds=timeout), "docker-exec", timeout)
            ) as chunks:
                async for chunk in chunks:
                    output += chunk
        except TimeoutError:
            raise RuntimeFailure(f"`{argv[0]}` did not end within {timeout:g} s inside the container") from None
        ended = await self._call(lambda client: client.exec_inspect(made["Id"]))
        return int(ended["ExitCode"]), bytes(output).decode(errors="replace")

    async def remove_labelled(self, label: str) -> int:
        identities = await self._identities(label, without=PROTECTED)
        await asyncio.gather(*(self.remove(identity) for identity in identities))
        return len(identities)

    def events(self) -> AsyncIterator[RuntimeEvent]:
        # `since` closes the gap between this call and the first read: the Engine replays what happened in it
        return self._events(f"{time.time():.9f}")

    async def _events(self, since: str) -> AsyncIterator[RuntimeEvent]:
        try:
            async with aclosing(self._lines(partial(_events, since=since), "docker-events", None)) as lines:
                async for raw in lines:
                    yield event(raw)
        except EngineAway:
            return

    async def _lines(
        self, opener: Callable[[APIClient], Any], name: str, seconds: float | None
    ) -> AsyncGenerator[Any, None]:
        """The items of a stream. Raises TimeoutError after `seconds`; leaving it early closes its socket."""
        deadline = None if seconds is None else time.monotonic() + seconds
        stream: ThreadedStream[Any] = ThreadedStream(lambda: opener(self._connected()), self._failure, name)
        self._streams.add(stream)
        try:
            items = aiter(stream)
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                yield await asyncio.wait_for(anext(items), left)
        except StopAsyncIteration:
            return
        finally:
            self._end(stream)

    async def _identities(self, label: str, without: Collection[str] = ()) -> list[str]:
        listed = await self._call(lambda client: client.containers(all=True, filters={"label": label}))
        return [item["Id"] for item in listed if not set(without) & set(item.get("Labels") or {})]

    async def _inspected(self, identity: str) -> Container | None:
        try:
            return container(await self._call(lambda client: client.inspect_container(identity)))
        except NoSuchContainer:  # removed since it was listed
            return None

    async def _call(self, what: Callable[[APIClient], Result], extra: float = 0) -> Result:
        """A short call on the pool. The socket's own timeout ends a thread; the longer one here also covers the wait
        for a free thread, which is no fault of the Engine's."""
        seconds = 4 * self._seconds + extra
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._on_thread, what)
        except TimeoutError:
            raise away(f"no answer within {seconds:.0f} s") from None

    def _on_thread(self, what: Callable[[APIClient], Result]) -> Result:
        try:
            return what(self._connected())
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> Exception:
        """What an exception of `docker` or `requests` means; the client is made anew after the Engine was away."""
        if isinstance(error, docker.errors.APIError):
            return from_answer(error.status_code, str(error.explanation or error))
        if isinstance(error, requests.RequestException | docker.errors.DockerException | OSError):
            self._forget()
            return away(_reason(error))
        return error

    def _end(self, stream: ThreadedStream[Any]) -> None:
        stream.close()
        self._streams.discard(stream)

    def _connected(self) -> APIClient:
        with self._lock:
            if self._client is None:
                _knock(self._base_url)
                self._client = APIClient(self._base_url, version="auto", timeout=self._seconds, max_pool_size=THREADS)
            return self._client

    def _forget(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def _knock(base_url: str) -> None:
    """Raises OSError when nobody listens: docker's own connections leave the socket of such an attempt open."""
    if base_url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(CALL_SECONDS)
            knocking.connect(base_url.removeprefix("unix://"))


def _inspect_image(client: APIClient, reference: str) -> Any:
    return client.inspect_image(reference)  # type: ignore[no-untyped-call]


def _create(client: APIClient, body: dict[str, Any], name: str) -> dict[str, Any]:
    return client.create_container_from_config(body, name)  # type: ignore[no-untyped-call, no-any-return]


def _set_restart(client: APIClient, container_id: str, policy: RestartPolicy) -> None:
    client.update_container(container_id, restart_policy={"Name": policy.value})  # type: ignore[arg-type]


def _remove(client: APIClient, container_id: str, seconds: float) -> None:
    """Removes by force, anonymous volumes too; waits when a removal is under way already."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return client.remove_container(container_id, v=True, force=True)
        except docker.errors.APIError as error:
            if error.status_code != 409 or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _events(client: APIClient, since: str) -> CancellableStream[Any]:
    filters = json.dumps({"type": ["container"], "label": [COMPONENT_LABEL]})
    answer = _opened(client, "GET", "events", params={"since": since, "filters": filters}, timeout=(CALL_SECONDS, None))
    return CancellableStream(json_lines(answer), answer)


def _exec(client: APIClient, exec_id: str, seconds: float) -> CancellableStream[Any]:
    # the reader's own deadline comes first; this one only makes sure that the thread ends
    how = {"json": {"Detach": False, "Tty": False}, "timeout": seconds + CALL_SECONDS}
    answer = _opened(client, "POST", f"exec/{exec_id}/start", **how)
    return CancellableStream(frames(answer), answer)


def _pull(client: APIClient, reference: str) -> CancellableStream[Any]:
    repository, tag = docker.utils.parse_repository_tag(reference)
    registry, _ = docker.auth.resolve_repository_name(repository)
    authorization = docker.auth.get_config_header(client, registry)
    answer = _opened(
        client,
        "POST",
        "images/create",
        params={"fromImage": repository, "tag": tag or "latest"},
        headers={"X-Registry-Auth": authorization} if authorization else None,
        timeout=(CALL_SECONDS, SILENT_PULL_SECONDS),
    )
    return CancellableStream(json_lines(answer), answer)


def _opened(client: APIClient, method: str, path: str, **how: Any) -> requests.Response:
    """A streamed answer. Not by docker's own calls: of these some give no way to close the socket, some leave it open.

    `CancellableStream` over it does the one thing that needs docker's knowledge: to wake a reader in another thread.
    """
    answer = client.request(method, f"{client.base_url}/v{client.api_version}/{path}", stream=True, **how)
    if not answer.ok:
        with answer:
            raise from_answer(answer.status_code, _message(answer))
    return answer


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

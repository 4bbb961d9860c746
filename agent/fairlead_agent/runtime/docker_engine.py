"""The Runtime on a real Docker Engine.

Short calls share a bounded pool of threads and have a deadline each; every stream (events, a pull, a command inside)
has a thread of its own, ended by closing its socket. `CancellableStream` over an answer does the one thing that needs
docker's knowledge: to wake a reader in another thread.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import docker.errors
from docker.api.client import APIClient
from docker.types import CancellableStream

from fairlead_agent.runtime import engine_images
from fairlead_agent.runtime.container_spec import COMPONENT_LABEL, container, create_body, event
from fairlead_agent.runtime.engine_client import CALL_SECONDS, EngineClient, opened
from fairlead_agent.runtime.failures import not_pulled
from fairlead_agent.runtime.http_streams import frames, json_lines
from fairlead_agent.runtime.port import (
    PROTECTED,
    Container,
    EngineAway,
    EngineInfo,
    Login,
    NoSuchContainer,
    NoSuchImage,
    RestartPolicy,
    RuntimeEvent,
    RuntimeFailure,
)
from fairlead_agent.runtime.streams import ThreadedStream
from fairlead_wire.task import TaskSpec

SOCKET = "unix:///var/run/docker.sock"
PULL_SECONDS = 1800
CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]
"""What `docker info` says where images are in containerd's store (moby, daemon/containerd)."""
THREADS = 12
"""As many as there are components: all may be stopping at a time."""
LOG_BYTES = 64 * 1024


class DockerEngine:
    """See `runtime.port.Runtime`. `close` ends its threads."""

    def __init__(self, base_url: str = SOCKET, call_seconds: int = CALL_SECONDS) -> None:
        self._client = EngineClient(base_url, call_seconds, THREADS)
        self._streams: set[ThreadedStream[Any]] = set()

    def close(self) -> None:
        for stream in tuple(self._streams):
            self._end(stream)
        self._client.close()

    async def engine(self) -> EngineInfo:
        version, info = await asyncio.gather(
            self._client.call(lambda client: client.version()), self._client.call(lambda client: client.info())
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
        return bool(await self.image_id(reference))

    async def image_id(self, reference: str) -> str:
        try:
            return await self._client.call(partial(engine_images.identifier, reference=reference))
        except NoSuchImage:
            return ""

    async def pull(self, reference: str, login: Login | None = None) -> None:
        opener = partial(engine_images.pull, reference=reference, login=login)
        try:
            async with aclosing(self._lines(opener, "docker-pull", PULL_SECONDS)) as lines:
                async for line in lines:
                    if "error" in line:
                        raise not_pulled(reference, line["error"])
        except TimeoutError:
            raise not_pulled(reference, f"it took longer than {PULL_SECONDS} s") from None
        except (EngineAway, NoSuchImage):
            raise
        except RuntimeFailure as failure:
            raise not_pulled(reference, str(failure)) from None

    async def tag(self, reference: str, name: str) -> None:
        await self._client.call(partial(engine_images.tag, reference=reference, name=name))

    async def forget_image(self, reference: str) -> None:
        with suppress(NoSuchImage):
            await self._client.call(partial(engine_images.forget, reference=reference))

    async def create(self, cluster: str, spec: TaskSpec, name: str) -> str:
        body = create_body(cluster, spec)
        created = await self._client.call(partial(_create, body=body, name=name))
        return str(created["Id"])

    async def start(self, container_id: str) -> None:
        await self._client.call(lambda client: client.start(container_id))

    async def stop(self, container_id: str, seconds: int) -> None:
        await self._client.call(lambda client: client.stop(container_id, timeout=seconds), extra=seconds)

    async def remove(self, container_id: str) -> None:
        with suppress(NoSuchContainer):
            await self._client.call(lambda client: _remove(client, container_id, self._client.seconds))

    async def rename(self, container_id: str, name: str) -> None:
        await self._client.call(lambda client: client.rename(container_id, name))

    async def set_restart(self, container_id: str, policy: RestartPolicy) -> None:
        await self._client.call(partial(_set_restart, container_id=container_id, policy=policy))

    async def logs(self, container_id: str, lines: int) -> str:
        raw = await self._client.call(lambda client: client.logs(container_id, tail=lines))
        return bytes(raw)[-LOG_BYTES:].decode(errors="replace")

    async def run_inside(self, container_id: str, argv: tuple[str, ...], timeout: float) -> tuple[int, str]:
        made = await self._client.call(lambda client: client.exec_create(container_id, list(argv)))
        output = bytearray()
        try:
            async with aclosing(
                self._lines(partial(_exec, exec_id=made["Id"], seconds=timeout), "docker-exec", timeout)
            ) as chunks:
                async for chunk in chunks:
                    output += chunk
        except TimeoutError:
            raise RuntimeFailure(f"`{argv[0]}` did not end within {timeout:g} s inside the container") from None
        ended = await self._client.call(lambda client: client.exec_inspect(made["Id"]))
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
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        client = self._client
        stream: ThreadedStream[Any] = ThreadedStream(lambda: opener(client.connected()), client.failure, name)
        self._streams.add(stream)
        try:
            items = aiter(stream)
            while True:
                # Not wait_for: until Python 3.12 it swallows a cancellation that comes at the same time as an item.
                async with asyncio.timeout_at(deadline):
                    item = await anext(items)
                yield item
        except StopAsyncIteration:
            return
        finally:
            self._end(stream)

    async def _identities(self, label: str, without: Collection[str] = ()) -> list[str]:
        listed = await self._client.call(lambda client: client.containers(all=True, filters={"label": label}))
        return [item["Id"] for item in listed if not set(without) & set(item.get("Labels") or {})]

    async def _inspected(self, identity: str) -> Container | None:
        try:
            return container(await self._client.call(lambda client: client.inspect_container(identity)))
        except NoSuchContainer:  # removed since it was listed
            return None

    def _end(self, stream: ThreadedStream[Any]) -> None:
        stream.close()
        self._streams.discard(stream)


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
    answer = opened(client, "GET", "events", params={"since": since, "filters": filters}, timeout=(CALL_SECONDS, None))
    return CancellableStream(json_lines(answer), answer)


def _exec(client: APIClient, exec_id: str, seconds: float) -> CancellableStream[Any]:
    # the reader's own deadline comes first; this one only makes sure that the thread ends
    how = {"json": {"Detach": False, "Tty": False}, "timeout": seconds + CALL_SECONDS}
    answer = opened(client, "POST", f"exec/{exec_id}/start", **how)
    return CancellableStream(frames(answer), answer)

"""A runtime under test and what its tests need: an image, names of its own, waiting without sleeping."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from docker.api.client import APIClient

from fairlead_agent.runtime.port import Container, NoSuchContainer, Runtime
from fairlead_testing.engine_image import docker_socket
from fairlead_testing.fake_runtime import FakeRuntime, Program
from fairlead_wire.task import Limits, TaskSpec

FOREVER = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"


@dataclass
class Bench:
    """A runtime, an image that it has, and names that nobody else uses."""

    runtime: Runtime
    image: str
    fake: FakeRuntime | None = None
    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    now_ms: int = 1_000

    @property
    def cluster(self) -> str:
        return f"contract-{self.mark}"

    def name(self, component: str) -> str:
        return f"fairlead-contract-{self.mark}-{component}"

    def image_name(self, name: str) -> str:
        """A name that this test may give an image."""
        return f"fairlead/contract-{self.mark}:{name}"

    def spec(self, component: str, script: str = FOREVER, output: str = "", exit_code: int | None = None) -> TaskSpec:
        """A task that runs `script`; `output` and `exit_code` say the same to the fake."""
        if self.fake is not None:
            text = "ready\n" if script is FOREVER else output
            self.fake.programs[component] = Program(text, exit_code)
        return TaskSpec(component, self.image, entrypoint=("sh", "-c"), args=(script,), limits=Limits(stop_seconds=5))

    async def made(self, component: str, **how: Any) -> str:
        return await self.runtime.create(self.cluster, self.spec(component, **how), self.name(component))

    async def running(self, component: str) -> str:
        identity = await self.made(component)
        await self.runtime.start(identity)
        return identity

    async def ours(self) -> dict[str, Container]:
        """This test's containers by component."""
        held = await self.runtime.containers()
        return {item.component: item for item in held if item.cluster == self.cluster}

    async def stranger(self, name: str, labels: dict[str, str]) -> str:
        """A container that is not of the agent's making, with these labels."""
        if self.fake is not None:
            return self.fake.add(self.name(name), labels)
        client = APIClient(f"unix://{docker_socket()}", version="auto", timeout=60)
        body = {"Image": self.image, "Cmd": ["sh"], "Labels": labels}
        made = client.create_container_from_config(body, self.name(name))  # type: ignore[no-untyped-call]
        client.close()
        return str(made["Id"])

    async def is_there(self, container_id: str) -> bool:
        try:
            await self.runtime.logs(container_id, 1)
        except NoSuchContainer:
            return False
        return True

    async def until(self, wanted: Callable[[dict[str, Container]], bool]) -> dict[str, Container]:
        """Waits until this test's containers are as wanted, looking again after each event of the runtime."""
        async with asyncio.timeout(30):
            events = self.runtime.events()
            while not wanted(found := await self.ours()):
                if self.fake is not None:
                    self.now_ms += 1_000
                    self.fake.catch_up()
                else:
                    await anext(events)
        return found

    async def clean(self) -> None:
        await self.runtime.remove_labelled(f"fairlead.cluster={self.cluster}")

"""The controller as it is, on a simulated machine: its rooms, its services, its interceptors; killed and started."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from fairlead_controller.api.server import add_api_services, fleet_interceptors
from fairlead_controller.build import Rooms, build
from fairlead_controller.dispatch.server import add_fleet_services
from fairlead_controller.ports import Clock
from fairlead_testing.agent_bench import EPOCH
from fairlead_testing.fleet_images import no_images
from fairlead_testing.simulation.database import Database, StoreHandle
from fairlead_testing.simulation.process import Process
from fairlead_testing.simulation.story import Story
from fairlead_testing.simulation.wire import Link, Server


@dataclass
class SimulatedController:
    """`links` are the ways to its clients. `kill_at`: the commit, counted from the database's first, right after
    which it is killed, and for how many seconds; 0: none."""

    database: Database
    random: Random
    story: Story
    links: list[Link] = field(default_factory=list)
    slowness: float = 1.0
    kill_at: int = 0
    kill_seconds: float = 1.0
    running: bool = False
    process: Process = field(default_factory=lambda: Process("controller"))
    rooms: Rooms | None = None
    _server: Server | None = None

    def __post_init__(self) -> None:
        self.database.committed = self._committed

    def server(self) -> Server | None:
        """None while nobody listens."""
        return self._server if self.running else None

    def start(self) -> None:
        if self.running:
            return
        self.story.tell("controller", "starts")
        self.running, self.process, self._server = True, Process("controller"), None
        loop = asyncio.get_running_loop()
        clock = Clock(lambda: EPOCH + loop.time(), self.random.randbytes)
        store = StoreHandle(self.database, self.process, self._delay)
        self.rooms = build(store, clock, no_images())
        self.process.start(self._open(self.rooms, store))

    def kill(self) -> None:
        """SIGKILL: its connections are reset, as the kernel does it."""
        if not self.running:
            return
        self.story.tell("controller", "is killed")
        self.running, self._server = False, None
        self.process.kill()
        for link in self.links:
            link.lose(link.delay(), 0.0)

    async def _open(self, rooms: Rooms, store: StoreHandle) -> None:
        await rooms.start()
        server = Server(self.process, fleet_interceptors(store))
        add_fleet_services(server, rooms.dispatch)  # type: ignore[arg-type]
        add_api_services(server, rooms.parts)  # type: ignore[arg-type]
        self.process.check()
        self._server = server

    def _delay(self) -> float:
        return self.random.uniform(0.0002, 0.004) * self.slowness

    def _committed(self, number: int) -> None:
        if number == self.kill_at:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.kill)
            loop.call_later(self.kill_seconds, self.start)

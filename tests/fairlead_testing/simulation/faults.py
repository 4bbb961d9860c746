"""What can go wrong, each as it goes wrong on real machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from fairlead_agent.runtime.port import ContainerStatus
from fairlead_testing.fake_host import FakeFile
from fairlead_testing.simulation.controller import SimulatedController
from fairlead_testing.simulation.schedule import Fault
from fairlead_testing.simulation.server import SimulatedServer
from fairlead_testing.simulation.story import Story

# A connection over a cut link is given up by keep-alives after this long: see `fairlead_wire.channels`.
KEEPALIVE_SECONDS = (20.0, 30.0)
_ENDLESS = 10**9


class Faults:
    """Method names are those of `schedule.KINDS`. `calm` ends what has not ended by itself."""

    def __init__(
        self, servers: Sequence[SimulatedServer], controller: SimulatedController, random: Random, story: Story
    ) -> None:
        self._servers, self._controller, self._random, self._story = servers, controller, random, story

    async def follow(self, faults: Sequence[Fault]) -> None:
        loop = asyncio.get_running_loop()
        for fault in faults:
            await asyncio.sleep(max(0.0, fault.at - loop.time()))
            server = self._servers[fault.server]
            self._story.tell("fault", f"{fault.what} {server.name} {fault.seconds:.1f} s {fault.component}".strip())
            getattr(self, fault.what)(fault, server)

    def calm(self) -> None:
        self._story.tell("fault", "no more faults")
        self._controller.kill_at, self._controller.slowness, self._controller.database.full = 0, 1.0, False
        self._controller.start()
        for server in self._servers:
            server.kill_at, server.slowness, server.duplicating = 0, 1.0, False
            server.disk.full = server.engine.full = server.engine.unplugged = False
            server.engine.crashes.clear()
            server.link.mend()
            if server.engine.away:
                server.engine.come_back()
            server.start()

    def kill_agent(self, fault: Fault, server: SimulatedServer) -> None:
        server.kill(self._random.choice((0.0, 0.5, fault.seconds)))
        self._later(fault, server.start)

    def kill_agent_at(self, fault: Fault, server: SimulatedServer) -> None:
        server.kill_at, server.kill_seconds = server.instructions + fault.number, fault.seconds

    def kill_controller(self, fault: Fault, server: SimulatedServer) -> None:
        self._controller.kill()
        self._later(fault, self._controller.start)

    def kill_controller_at(self, fault: Fault, server: SimulatedServer) -> None:
        controller = self._controller
        controller.kill_at, controller.kill_seconds = controller.database.commits + fault.number, fault.seconds

    def drop(self, fault: Fault, server: SimulatedServer) -> None:
        """A middlebox forgets the connection: one side learns of it at once, the other some time later."""
        late = self._random.choice((0.0, fault.seconds))
        server.link.lose(*((0.0, late) if self._random.random() < 0.7 else (late, 0.0)))

    def cut(self, fault: Fault, server: SimulatedServer) -> None:
        link, loop = server.link, asyncio.get_running_loop()
        link.cut()
        self._later(fault, link.mend)
        gives_up = self._random.uniform(*KEEPALIVE_SECONDS)
        if gives_up < fault.seconds:
            loop.call_later(gives_up, link.lose, 0.0, self._random.uniform(0.0, 10.0))

    def slow(self, fault: Fault, server: SimulatedServer) -> None:
        server.slowness = self._random.choice((10.0, 100.0))
        self._later(fault, lambda: setattr(server, "slowness", 1.0))

    def slow_controller(self, fault: Fault, server: SimulatedServer) -> None:
        self._controller.slowness = self._random.choice((20.0, 200.0))
        self._later(fault, lambda: setattr(self._controller, "slowness", 1.0))

    def duplicate(self, fault: Fault, server: SimulatedServer) -> None:
        server.duplicating = True
        self._later(fault, lambda: setattr(server, "duplicating", False))

    def fill_disk(self, fault: Fault, server: SimulatedServer) -> None:
        server.disk.full = server.engine.full = True

        def free() -> None:
            server.disk.full = server.engine.full = False

        self._later(fault, free)

    def fill_database(self, fault: Fault, server: SimulatedServer) -> None:
        self._controller.database.full = True
        self._later(fault, lambda: setattr(self._controller.database, "full", False))

    def crash(self, fault: Fault, server: SimulatedServer) -> None:
        """A component dies, and at each start again, for a while."""
        server.engine.crashes[fault.component] = _ENDLESS
        for held in server.engine.all():
            if held.component == fault.component and held.status is ContainerStatus.RUNNING and not server.engine.away:
                server.engine.die(held.name)
        self._later(fault, lambda: server.engine.crashes.pop(fault.component, None))

    crash_long = crash

    def remove(self, fault: Fault, server: SimulatedServer) -> None:
        if (there := server.engine.all()) and not server.engine.away:
            server.engine.take_away(self._random.choice(there))

    def stop(self, fault: Fault, server: SimulatedServer) -> None:
        if (there := server.engine.all()) and not server.engine.away:
            server.engine.stop_by_hand(self._random.choice(there))

    def edit(self, fault: Fault, server: SimulatedServer) -> None:
        if ours := sorted(path for path in server.host.files if path.startswith("/etc/kubernetes")):
            server.host.files[self._random.choice(ours)] = FakeFile(b"edited by hand")

    def unlink(self, fault: Fault, server: SimulatedServer) -> None:
        if ours := sorted(path for path in server.host.files if path.startswith("/etc/kubernetes")):
            del server.host.files[self._random.choice(ours)]

    def docker_away(self, fault: Fault, server: SimulatedServer) -> None:
        engine, live_restore = server.engine, self._random.random() < 0.5
        if engine.away:
            return
        engine.go_away()
        self._later(fault, lambda: engine.come_back(live_restore) if engine.away else None)

    def reboot(self, fault: Fault, server: SimulatedServer) -> None:
        if not server.engine.away:
            server.reboot(fault.seconds)

    def unplug_registry(self, fault: Fault, server: SimulatedServer) -> None:
        server.engine.unplugged = True
        self._later(fault, lambda: setattr(server.engine, "unplugged", False))

    def _later(self, fault: Fault, end: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(fault.seconds, end)
